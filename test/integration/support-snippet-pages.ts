import { environment } from '../support/service.ts';
import type { SnippetWorld } from './support-snippets.ts';

/** What a page's blocks need, and what those that run print, in order. A page that is not here has nothing to run. */
export interface PageSettings {
  readonly printed: readonly RegExp[];
  /** What `read` in a block gets. */
  readonly typed?: (world: SnippetWorld) => string;
  /** Documented variables beside those that all blocks get. */
  readonly env?: (world: SnippetWorld) => Readonly<Record<string, string>>;
  /** Whose commands they are: those of the operator of the service that runs here, or of one who sets up another. Else a partner's. */
  readonly as?: 'operator' | 'founder';
}

const NOTHING = /^$/;
const UPLOAD_ID = /\n[0-9a-f-]{36}$/;
const UPLOADED = /^[0-9a-f-]{36} uploaded\s*$/;
const ALL_RIGHT = /all is right|right/;

export const PAGES: Readonly<Record<string, PageSettings>> = {
  'README.md': {
    printed: [
      /report\.pdf[^]*curl /,
      NOTHING,
      /"state":"uploaded"/,
      NOTHING,
      /"state":"delet/,
      /"state":"uploaded"/,
    ],
    typed: ({ service }) => `${service.token}\n`,
    env: () => ({ FILE: 'report.pdf' }),
  },
  'docs/recipes.md': { printed: [UPLOADED, UPLOADED, UPLOADED] },
  'docs/node-client.md': {
    printed: [
      /^[0-9a-f-]{36} uploaded [A-Za-z0-9+/]{43}= true\n$/,
      /^20\n$/,
      /^AbortError\nuploaded\n$/,
      /^5 sha256 hello.txt\nupload_deleted\n$/,
    ],
    env: () => ({ SEALSLOT_ENDPOINT: 'https://uploads.example.com' }),
  },
  'docs/quick-start.md': {
    printed: [/kek\.json/, ALL_RIGHT, NOTHING, /report\.pdf/],
    as: 'founder',
    typed: ({ minio }) => `${minio.secretAccessKey}\n`,
    env: (world) => ({
      SEALSLOT_LISTEN__PORT: String(world.ownPort),
      SEALSLOT_ADMIN__PORT: '0',
      SEALSLOT_S3__TARGETS__MAIN__CREDENTIALS__ACCESSKEYID: world.minio.accessKeyId,
      SEALSLOT_S3__TARGETS__MAIN__CAFILE: world.front.caFile,
    }),
  },
  'docs/aws.md': { printed: [ALL_RIGHT], as: 'operator' },
  'docs/doctor.md': { printed: [ALL_RIGHT], as: 'operator' },
  'docs/audit.md': { printed: [/"exitCode": ?0/], as: 'operator' },
  'docs/frontend.md': { printed: [/^\S{40,}\n[^]*Browsers are let through\.$/, NOTHING], env: operatorsEnv },
  'docs/partner.md': {
    printed: [
      NOTHING,
      UPLOAD_ID,
      /^[0-9a-f-]{36} uploaded uploaded\n$/,
      /^uploaded\n$/,
      /^Generating sealslot_api$/,
      UPLOADED,
      /^20\n$/,
    ],
    typed: ({ service }) => `${service.token}\n`,
    env: () => ({ SEALSLOT_ENDPOINT: 'https://uploads.example.com' }),
  },
  'docs/grants.md': {
    printed: [/^\S{40,}$/, /"token":"/],
    env: (world) => ({ ...operatorsEnv(world), SEALSLOT_ENDPOINT: 'https://uploads.example.com' }),
  },
  'docs/webhooks.md': { printed: [/^upload\.uploaded [0-9a-f-]{36}\n/] },
  'docs/uploads.md': { printed: [/^\S{40,}$/], as: 'operator' },
};

/** The configuration of the service, for its operator. */
export function operatorsEnv({ service }: SnippetWorld): Record<string, string> {
  return { SEALSLOT_CONFIG: environment(service.dir)['SEALSLOT_CONFIG'] ?? '' };
}
