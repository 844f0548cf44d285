import { Type } from 'typebox';
import type { JwtAlgorithm } from '../config.ts';
import { DEFAULTS } from '../defaults.ts';
import { file, map, optional, text, url } from './nodes.ts';

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

export const Issuer = map(
  {
    issuer: text({
      maxLength: 512,
      description:
        'Must equal the claim `iss`, to the last slash. The `sub` of its tokens may have 1,024 bytes, without control characters.',
    }),
    audience: Type.Unsafe<string | string[]>({
      type: ['string', 'array'],
      minLength: 1,
      minItems: 1,
      items: { type: 'string', minLength: 1 },
      description:
        'One of these must be in the claim `aud`, so that a token made for another service does not work here.',
    }),
    jwksUrl: optional(
      url({ description: "The issuer's public keys; fetched when needed and kept. Or `jwksFile`." }),
    ),
    jwksFile: optional(
      file({ description: 'A file with the public keys, for an issuer that this host cannot reach.' }),
    ),
    algorithms: Type.Array(Type.Enum(ALGORITHMS), {
      minItems: 1,
      uniqueItems: true,
      description: 'The only accepted `alg` headers. Name those that the issuer uses, no more.',
    }),
    types: optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        default: DEFAULTS.issuer.types,
        description:
          'Accepted `typ` headers; `none` accepts a token without one. Narrow it when the issuer makes ID tokens too.',
      }),
    ),
    tenant: optional(
      text({
        description: 'The tenant of all tokens of this issuer. Exactly one of `tenant` and `tenantClaim`.',
      }),
    ),
    tenantClaim: optional(
      text({ description: 'The claim that names the tenant, for an issuer that serves several.' }),
    ),
    scopesClaim: optional(
      text({
        default: DEFAULTS.issuer.scopesClaim,
        description:
          'The claim with the scopes, a text with spaces or a list; some issuers call it `scp` or `permissions`.',
      }),
    ),
  },
  { description: 'Whose JWTs are good. API keys need nothing here.' },
);
