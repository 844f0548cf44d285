import { type Static, type TProperties, type TSchema, Type } from 'typebox';
import type { JwtAlgorithm } from './config.ts';

const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const satisfies readonly JwtAlgorithm[];

/** 2^31 − 1 seconds fit every timer and date that we use. */
const SECONDS = { minimum: 1, maximum: 2_147_483_647 };
const NAME = '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$';
const NAME_SAYS = 'must be 1 to 63 letters, digits, ".", "_" or "-", beginning with a letter or digit';

const text = () => Type.String({ minLength: 1 });
const optional = Type.Optional;
const map = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });

/** A map whose names the operator chooses. At least one. */
const named = <T extends TSchema>(schema: T) =>
  Type.Unsafe<Record<string, Static<T>>>({
    type: 'object',
    propertyNames: { type: 'string', pattern: NAME, says: NAME_SAYS },
    additionalProperties: schema,
    minProperties: 1,
  });

/** A union told apart by `kind`, so that a mistake in one variant is not reported for all. */
const byKind = <T extends TSchema[]>(...variants: T) =>
  Type.Unsafe<Static<T[number]>>({
    type: 'object',
    discriminator: { propertyName: 'kind' },
    required: ['kind'],
    oneOf: variants,
  });

const Listener = map({
  host: optional(text()),
  port: optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
});

const Credentials = byKind(
  map({
    kind: Type.Literal('static'),
    accessKeyId: text(),
    // Exactly one of each pair; emptiness is looked at after trimming.
    secretAccessKey: optional(Type.String()),
    secretAccessKeyFile: optional(text()),
    sessionToken: optional(Type.String()),
    sessionTokenFile: optional(text()),
  }),
  map({ kind: Type.Literal('default') }),
);

const Target = map({
  endpoint: text(),
  publicEndpoint: optional(text()),
  region: Type.String({ pattern: '^[A-Za-z0-9-]+$', says: 'must be a region such as eu-central-1' }),
  pathStyle: optional(Type.Boolean()),
  caFile: optional(text()),
  credentials: Credentials,
});

const Issuer = map({
  issuer: text(),
  audience: Type.Unsafe<string | string[]>({
    type: ['string', 'array'],
    minLength: 1,
    minItems: 1,
    items: { type: 'string', minLength: 1 },
  }),
  jwksUrl: optional(text()),
  jwksFile: optional(text()),
  algorithms: Type.Array(Type.Enum(ALGORITHMS), { minItems: 1, uniqueItems: true }),
  types: optional(Type.Array(text(), { minItems: 1 })),
  tenant: optional(text()),
  tenantClaim: optional(text()),
  scopesClaim: optional(text()),
});

const Tenant = map({
  target: text(),
  bucket: Type.String({
    pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
    says: 'must be a bucket name: 3 to 63 lower-case letters, digits, "." or "-"',
  }),
  objectKeyTemplate: optional(text()),
  // S3 takes no more than 5 GiB in one PUT.
  maxSizeBytes: optional(Type.Integer({ minimum: 1, maximum: 5 * 1024 ** 3 })),
  contentTypes: optional(
    Type.Array(
      Type.String({
        pattern: '^(\\*|[a-z0-9!#$&^_.+-]+/(\\*|[a-z0-9!#$&^_.+-]+))$',
        says: 'must be a lower-case media type such as image/png, or image/*, or *',
      }),
      { minItems: 1 },
    ),
  ),
  urlSeconds: optional(
    map({
      min: optional(Type.Integer({ minimum: 1 })),
      default: optional(Type.Integer({ minimum: 1 })),
      max: optional(Type.Integer({ minimum: 1 })),
    }),
  ),
  slotSeconds: optional(Type.Integer(SECONDS)),
  requireSha256: optional(Type.Boolean()),
});

/** The YAML document, before defaults. What needs more than one field or the disk to judge is in `checks.ts`. */
export const DocumentSchema = map({
  listen: optional(Listener),
  admin: optional(Listener),
  log: optional(
    map({ level: optional(Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const)) }),
  ),
  cors: optional(map({ origins: optional(Type.Array(text())) })),
  store: byKind(map({ kind: Type.Literal('sqlite'), path: text() })),
  custody: byKind(
    map({
      kind: Type.Literal('local'),
      id: optional(Type.String({ pattern: NAME, says: NAME_SAYS })),
      kekFile: text(),
    }),
  ),
  s3: map({ targets: named(Target) }),
  // API keys need no configuration.
  auth: optional(map({ issuers: optional(Type.Array(Issuer)) })),
  tenants: named(Tenant),
  retention: optional(
    map({
      keySeconds: optional(Type.Integer(SECONDS)),
      deleteMarginSeconds: optional(Type.Integer(SECONDS)),
    }),
  ),
  jobs: optional(map({ intervalSeconds: optional(Type.Integer({ minimum: 1, maximum: 86_400 })) })),
});

export type Document = Static<typeof DocumentSchema>;

/** JSON Schema as the generic walkers (overrides, messages) see it. */
export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode;
  readonly oneOf?: readonly SchemaNode[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  /** Our own: what to tell people when `pattern` does not match. */
  readonly says?: string;
}
