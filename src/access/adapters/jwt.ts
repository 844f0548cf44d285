import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import type { JWTPayload, ProtectedHeaderParameters } from 'jose';
import type { Clock } from '../../clock.ts';
import type { IssuerConfig } from '../../config/config.ts';
import { endOfTurn } from '../../end-of-turn.ts';
import { DependencyUnavailable, Unauthenticated } from '../../errors.ts';
import type { Authenticator } from '../port.ts';
import { SCOPES } from '../principal.ts';
import type { Principal, Scope } from '../principal.ts';
import { isGoodAt, tokenName, VerifiedTokens, type Lifetime } from '../verified-tokens.ts';
import { issuerKeys, type IssuerKeys } from './jwks.ts';

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
  readonly keys: IssuerKeys;
}

/** Of a token that is good: it stays so as long as it has time and its issuer's key set is the one that it was verified by. */
interface Verdict extends Lifetime {
  readonly principal: Principal;
  readonly keys: IssuerKeys;
  readonly set: object | undefined;
}

/**
 * Accepts JWTs (compact JWS) of the configured issuers. The unverified `iss` only picks whose keys and rules apply. What is known of a
 * token only ever lets it in: all refusals come from verifying it.
 */
export function jwtAuthenticator(options: { issuers: readonly IssuerConfig[]; now: Clock }): Authenticator {
  const { now } = options;
  const issuers = new Map<string, Issuer>();
  for (const config of options.issuers) {
    if (issuers.has(config.issuer)) throw new Error(`The issuer ${config.issuer} is configured twice.`);
    issuers.set(config.issuer, { config, keys: issuerKeys(config.jwks, now) });
  }
  const verified = new VerifiedTokens<Verdict>();
  const underWay = new Map<string, Promise<Verdict>>();

  async function isStillGood(verdict: Verdict): Promise<boolean> {
    const trusted = verdict.keys.trusted() ?? (await verdict.keys.look());
    return trusted === verdict.set && isGoodAt(verdict, now(), CLOCK_TOLERANCE_SECONDS);
  }

  async function verify(name: string, token: string): Promise<Verdict> {
    const verdict = await judge(token, issuers, now);
    // Else there is another set by now, and nobody knows from which of the two the key came.
    if (verdict.set !== undefined && verdict.keys.trusted() === verdict.set) verified.set(name, verdict);
    return verdict;
  }

  /** Of those that come with one token at once, one verifies it. */
  function verifyOnce(name: string, token: string): Promise<Verdict> {
    const begun = verify(name, token).finally(() => underWay.delete(name));
    underWay.set(name, begun);
    return begun;
  }

  return {
    async authenticate(token) {
      if (token.length > MAX_TOKEN_LENGTH) throw refused(`longer than ${MAX_TOKEN_LENGTH} characters`);
      const name = tokenName(token);
      const begun = underWay.get(name);
      const known = verified.get(name) ?? (begun && (await begun));
      if (known !== undefined) await endOfTurn();
      if (known !== undefined && (await isStillGood(known))) return known.principal;
      if (!COMPACT_JWS.test(token)) return undefined;
      return (await verifyOnce(name, token)).principal;
    },
  };
}

async function judge(token: string, issuers: ReadonlyMap<string, Issuer>, now: Clock): Promise<Verdict> {
  try {
    const issuer = issuers.get(decodeJwt(token).iss ?? '');
    if (issuer === undefined) throw refused('unknown issuer');
    checkHeader(decodeProtectedHeader(token), issuer.config);
    const { config, keys } = issuer;
    let set: object | undefined;
    const { payload } = await jwtVerify(
      token,
      async (header, signed) => {
        set = await keys.look();
        return keys.find(header, signed);
      },
      {
        issuer: config.issuer,
        audience: [...config.audience],
        algorithms: [...config.algorithms],
        requiredClaims: ['iss', 'aud', 'exp', 'sub'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(now()),
      },
    );
    const { exp = -Infinity, nbf } = payload;
    return { principal: toPrincipal(payload, config), exp, nbf, keys, set };
  } catch (error) {
    if (error instanceof Unauthenticated || error instanceof DependencyUnavailable) throw error;
    throw refused(error instanceof Error ? `${error.name}: ${error.message}` : 'unknown failure');
  }
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
