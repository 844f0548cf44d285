import { Type } from 'typebox';
import { byKind, file, map, optional, text, url } from './nodes.ts';

const Credentials = byKind(
  {
    description:
      'What the service signs and asks S3 with. Every URL works with these same rights, so they should be no wider than needed.',
  },
  map({
    kind: Type.Literal('static', { description: 'An access key that stands in the configuration.' }),
    accessKeyId: text({ description: 'The name of the access key; S3 shows it in every URL.' }),
    // Exactly one of each pair; emptiness is looked at after trimming.
    secretAccessKey: optional(
      Type.String({
        writeOnly: true,
        description:
          'The secret of the access key. For the environment; in a file, `secretAccessKeyFile` keeps it apart.',
      }),
    ),
    secretAccessKeyFile: optional(
      file({ description: 'A file that holds the secret. Exactly one of the two is needed.' }),
    ),
    sessionToken: optional(
      Type.String({
        writeOnly: true,
        description: 'Only for temporary credentials. They are not renewed here: prefer `kind: default`.',
      }),
    ),
    sessionTokenFile: optional(file({ description: 'A file that holds the session token.' })),
  }),
  map({
    kind: Type.Literal('default', {
      description:
        'The AWS chain: environment, shared files, web identity, container, instance. Roles renew themselves.',
    }),
  }),
);

export const Target = map(
  {
    endpoint: url({
      description: 'Where the service reaches S3. Only `https`: keys travel in the headers of every request.',
    }),
    publicEndpoint: optional(
      url({
        description:
          'What URLs name when clients reach S3 by another address; the same as `endpoint` unless set. The host is signed, so a proxy in between must keep it.',
      }),
    ),
    region: Type.String({
      pattern: '^[A-Za-z0-9-]+$',
      says: 'must be a region such as eu-central-1',
      description: 'The region that signatures name. Servers other than AWS mostly take `us-east-1`.',
    }),
    pathStyle: optional(
      Type.Boolean({
        default: false,
        description:
          'Whether the bucket stands in the path instead of the host: `true` for most servers other than AWS.',
      }),
    ),
    caFile: optional(
      file({
        description:
          'PEM certificates to trust beside the usual ones, for an S3 server whose certificate is of a private CA. Clients need the same CA.',
      }),
    ),
    credentials: Credentials,
  },
  {
    description:
      'An S3 server, under a name that tenants refer to. A new target, or another setting of one than its credentials, needs a restart.',
  },
);
