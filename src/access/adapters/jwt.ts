import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyGetKey, ProtectedHeaderParameters } from 'jose';
import type { Clock } from '../../clock.ts';
import type { IssuerConfig } from '../../config/config.ts';
import { DependencyUnavailable, Unauthenticated } from '../../errors.ts';
import type { Authenticator } from '../port.ts';
import { SCOPES } from '../principal.ts';
import type { Principal, Scope } from '../principal.ts';
import { issuerKeys } from './jwks.ts';

const MAX_TOKEN_LENGTH = 8_192;
const CLOCK_TOLERANCE_SECONDS = 5;
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]*$/;
/** Headers by which a token would bring or name its own key, and the one that asks for extensions; no issuer needs them. */
const FORBIDDEN_HEADERS = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c'];
const DETAIL = 'The access token is not valid.';
/** In UTF-8. What slots are found by holds the subject, and no index takes entries without bound. */
const LONGEST_SUBJECT_BYTES = 1_024;
const CONTROL = /\p{Cc}/u;

interface Issuer {
  readonly config: IssuerConfig;
  readonly keys: JWTVerifyGetKey;
}

/** Accepts JWTs (compact JWS) of the configured issuers. The unverified `iss` only picks whose keys and rules apply. */
export function jwtAuthenticator(options: { issuers: readonly IssuerConfig[]; now: Clock }): Authenticator {
  const { now } = options;
  const issuers = new Map<string, Issuer>();
  for (const config of options.issuers) {
    if (issuers.has(config.issuer)) throw new Error(`The issuer ${config.issuer} is configured twice.`);
    issuers.set(config.issuer, { config, keys: issuerKeys(config.jwks, now) });
  }

  return {
    async authenticate(token) {
      if (token.length > MAX_TOKEN_LENGTH) throw refused(`longer than ${MAX_TOKEN_LENGTH} characters`);
      if (!COMPACT_JWS.test(token)) return undefined;
      try {
        const issuer = issuers.get(decodeJwt(token).iss ?? '');
        if (issuer === undefined) throw refused('unknown issuer');
        checkHeader(decodeProtectedHeader(token), issuer.config);
        return toPrincipal(await verify(token, issuer, now), issuer.config);
      } catch (error) {
        if (error instanceof Unauthenticated || error instanceof DependencyUnavailable) throw error;
        throw refused(error instanceof Error ? `${error.name}: ${error.message}` : 'unknown failure');
      }
    },
  };
}

async function verify(token: string, { config, keys }: Issuer, now: Clock): Promise<JWTPayload> {
  const { payload } = await jwtVerify(token, keys, {
    issuer: config.issuer,
    audience: [...config.audience],
    algorithms: [...config.algorithms],
    requiredClaims: ['iss', 'aud', 'exp', 'sub'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    currentDate: new Date(now()),
  });
  return payload;
}

function checkHeader(header: ProtectedHeaderParameters, config: IssuerConfig): void {
  const forbidden = FORBIDDEN_HEADERS.find((name) => Object.hasOwn(header, name));
  if (forbidden !== undefined) throw refused(`has a ${forbidden} header`);
  if (!typeAccepted(header.typ, config.types)) throw refused('unexpected typ');
}

function typeAccepted(typ: unknown, accepted: readonly string[]): boolean {
  if (typ === undefined) return accepted.includes('');
  if (typeof typ !== 'string') return false;
  const name = typ.toLowerCase().replace(/^application\//, '');
  return name !== '' && accepted.includes(name);
}

function toPrincipal(claims: JWTPayload, config: IssuerConfig): Principal {
  const subject = nonEmptyText(claims.sub);
  if (subject === undefined) throw refused('sub is not a text');
  // Here and not in a store: what one store cannot write (PostgreSQL no NUL) is refused alike by all.
  if (CONTROL.test(subject)) throw unfit('holds control characters');
  if (Buffer.byteLength(subject) > LONGEST_SUBJECT_BYTES)
    throw unfit(`is longer than ${LONGEST_SUBJECT_BYTES} bytes`);
  const tenant =
    config.tenant.kind === 'fixed' ? config.tenant.name : nonEmptyText(claims[config.tenant.claim]);
  if (tenant === undefined) throw refused('the tenant claim is not a text');
  return {
    tenant,
    id: `jwt:${config.issuer} ${subject}`,
    scopes: toScopes(claims[config.scopesClaim]),
  };
}

/** Ill-formed text is none: a store would write each lone surrogate as the same U+FFFD, making two subjects one. */
function nonEmptyText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.isWellFormed() ? value : undefined;
}

/** An issuer's tokens may hold scopes of other services; those are dropped. */
function toScopes(claim: unknown): ReadonlySet<Scope> {
  const names: unknown[] = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
  return new Set(SCOPES.filter((scope) => names.includes(scope)));
}

/** Of a good token: its bearer can do nothing about it but tell the issuer, so it is told what is wrong. */
function unfit(what: string): Unauthenticated {
  return new Unauthenticated(`The sub of the access token ${what}.`, {
    cause: new Error(`JWT: sub ${what}`),
  });
}

/** The cause is only a sentence: jose's own errors carry the token's claims, which don't belong in a log. */
function refused(reason: string): Unauthenticated {
  return new Unauthenticated(DETAIL, { cause: new Error(`JWT: ${reason}`) });
}
