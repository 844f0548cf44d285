import { Type } from 'typebox';
import { PERIODS } from '../../custody/intermediate.ts';
import { DEFAULTS } from '../defaults.ts';
import { credentials } from './credentials.ts';
import { byKind, file, map, named, optional, SECONDS, text, timeoutSeconds, url } from './nodes.ts';

const Local = map({
  kind: Type.Literal('local', { description: 'Key-encryption keys (KEKs) in a file.' }),
  kekFile: file({
    description:
      'A secret file, made by `sealslot init`. Whoever has it and the store has every key: keep them and their backups apart.',
  }),
});

const AwsKms = map({
  kind: Type.Literal('aws-kms', {
    description: 'A symmetric key of AWS KMS. Needs the package `@aws-sdk/client-kms`.',
  }),
  keyId: text({
    description:
      'ARN, alias ARN, key id or `alias/…`. What it names at start is remembered by its ARN; see docs/custody.md before pointing an alias elsewhere.',
  }),
  region: Type.String({
    pattern: '^[A-Za-z0-9-]+$',
    says: 'must be a region such as eu-central-1',
    description: 'The region of the key.',
  }),
  fips: optional(
    Type.Boolean({
      default: DEFAULTS.kms.fips,
      description: 'Whether to ask the FIPS 140 endpoint of the region.',
    }),
  ),
  endpoint: optional(
    url({ description: 'Another address than that of AWS, such as that of a VPC endpoint; `https`.' }),
  ),
  caFile: optional(
    file({ description: 'PEM certificates to trust beside the usual ones, for such an address.' }),
  ),
  credentials: optional(
    credentials('What KMS is asked with; the AWS chain unless set. docs/custody.md has the smallest policy.'),
  ),
  timeoutSeconds: optional(
    timeoutSeconds({
      default: DEFAULTS.custody.timeoutSeconds,
      description:
        'How long a call may take, all attempts together: then whoever waits for it is answered 503.',
    }),
  ),
});

const Auth = byKind(
  { description: 'How the service logs in. docs/custody.md has the smallest policy.' },
  map({
    kind: Type.Literal('token', {
      description: 'A token in a file, which an agent may rewrite: it is read at each use.',
    }),
    tokenFile: file({ description: 'The file that holds the token.' }),
  }),
  map({
    kind: Type.Literal('approle', { description: 'AppRole. The login is renewed, or made again.' }),
    mount: optional(
      text({ default: DEFAULTS.vault.approleMount, description: 'Where the method is mounted.' }),
    ),
    roleId: text({ description: 'The RoleID.' }),
    secretIdFile: file({ description: 'A file that holds the SecretID; read at each login.' }),
  }),
  map({
    kind: Type.Literal('kubernetes', {
      description: "The pod's service account. The login is renewed, or made again.",
    }),
    mount: optional(
      text({ default: DEFAULTS.vault.kubernetesMount, description: 'Where the method is mounted.' }),
    ),
    role: text({ description: 'The role to log in as.' }),
    tokenFile: optional(
      file({
        default: DEFAULTS.serviceAccountToken,
        description: "The service account's token; read at each login.",
      }),
    ),
  }),
);

const VaultTransit = map({
  kind: Type.Literal('vault-transit', {
    description:
      'A `derived` key of the transit engine of HashiCorp Vault or OpenBao. Another is refused at start: it would not bind keys to their places.',
  }),
  address: url({ description: 'Such as `https://vault.example.com:8200`; only `https`.' }),
  mount: optional(
    text({ default: DEFAULTS.vault.mount, description: 'Where the transit engine is mounted.' }),
  ),
  key: text({ description: 'The name of the key. It must exist: the service never makes one.' }),
  namespace: optional(text({ description: 'The namespace, where there are some.' })),
  caFile: optional(file({ description: 'PEM certificates to trust beside the usual ones.' })),
  auth: Auth,
  timeoutSeconds: optional(
    timeoutSeconds({
      default: DEFAULTS.custody.timeoutSeconds,
      description:
        'How long a call may take, from the connection to the end of its answer: then whoever waits for it is answered 503.',
    }),
  ),
});

export const Custody = map(
  {
    current: text({ description: 'Which of `wrappers` wraps new keys. The others only unwrap.' }),
    wrappers: named(
      byKind(
        {
          description:
            'What wraps keys, under the name that wrapped keys remember it by. Never change a name that is in use: they would open no more. ' +
            'To move to another: add it, make it `current`, restart, `sealslot rewrap --to` it, and only then remove the old.',
        },
        Local,
        AwsKms,
        VaultTransit,
      ),
    ),
    hierarchy: optional(
      map(
        {
          period: optional(
            Type.Enum(PERIODS, {
              default: DEFAULTS.hierarchy.period,
              description:
                'For how long one intermediate key wraps the new keys of a tenant; in UTC. What `sealslot shred-period` can destroy at once.',
            }),
          ),
          maxAgeSeconds: optional(
            Type.Integer({
              ...SECONDS,
              default: DEFAULTS.hierarchy.maxAgeSeconds,
              description:
                'How long an unwrapped intermediate key stays in memory. So long is an outage of the KEK survived, and so long does it take until its revocation bites.',
            }),
          ),
          maxUses: optional(
            Type.Integer({
              minimum: 1,
              maximum: Number.MAX_SAFE_INTEGER,
              default: DEFAULTS.hierarchy.maxUses,
              description: 'How many keys it wraps or unwraps in memory before the KEK is asked again.',
            }),
          ),
        },
        {
          description:
            'Intermediate keys, wrapped by the KEK, wrap the customer keys: the KEK is asked every few minutes, not for each slot. `{}` turns it on.',
        },
      ),
    ),
    recovery: optional(
      map(
        {
          target: text({ description: 'One of `s3.targets`.' }),
          bucket: text({
            description:
              'Where copies of wrapped intermediate keys go. A bucket apart from the objects, with other rights; it stays empty without `hierarchy`.',
          }),
        },
        {
          description:
            'Each new object carries a copy of its wrapped key in its tags, so that `sealslot recover` can make a lost store anew. Wrapped: worthless without the KEK.',
        },
      ),
    ),
  },
  { description: 'What wraps the customer keys before they are stored.' },
);
