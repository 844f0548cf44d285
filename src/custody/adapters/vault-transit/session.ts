import { readFile } from 'node:fs/promises';
import type { Clock } from '../../../clock.ts';
import type { VaultAuthConfig } from '../../../config/config.ts';
import { DependencyUnavailable } from '../../../errors.ts';
import { Secret } from '../../../secret.ts';
import { SingleFlight } from '../../single-flight.ts';
import { at, loginFailure, unavailable } from './errors.ts';
import { pathOf } from './http.ts';
import type { VaultAnswer, VaultHttp } from './http.ts';
import { member, numberMember, textMember } from './members.ts';

/** When a token is renewed, as a part of its lease. */
const RENEW_AT = 2 / 3;
/** So long is it believed that a login which never did anything is refused for its policy, and that the next would be too. */
const FUTILE_MS = 60_000;

/** Tokens for requests. Both calls: @throws KeyRefused `access_denied` for a refused first login, DependencyUnavailable. */
export interface Session {
  /** The file that others write the token to; undefined where the session makes its own. */
  readonly tokenFile: string | undefined;
  token(): Promise<Secret>;
  /** Another token than the one that was refused; `undefined` when a new one could do no better. */
  instead(refused: Secret): Promise<Secret | undefined>;
  /** This token was not refused. */
  worked(token: Secret): void;
}

export type LoginConfig = Exclude<VaultAuthConfig, { kind: 'token' }>;

/** @param id of the wrapper, for messages. */
export function openSession(id: string, auth: VaultAuthConfig, http: VaultHttp, now: Clock): Session {
  return auth.kind === 'token' ? fileSession(id, auth.tokenFile) : loginSession(id, auth, http, now);
}

function fileSession(id: string, file: string): Session {
  const token = async (): Promise<Secret> => new Secret(await secretIn(id, file));
  return {
    tokenFile: file,
    token,
    async instead(refused) {
      const another = await token();
      return another.reveal() === refused.reveal() ? undefined : another;
    },
    worked: () => undefined,
  };
}

interface Lease {
  readonly token: Secret;
  readonly seconds: number;
  readonly renewable: boolean;
  readonly since: number;
  readonly renewAt: number;
  readonly endsAt: number;
}

function loginSession(id: string, auth: LoginConfig, http: VaultHttp, now: Clock): Session {
  const flights = new SingleFlight();
  let lease: Lease | undefined;
  let worked: Secret | undefined;

  async function logIn(): Promise<void> {
    const path = `auth/${pathOf(auth.mount)}/login`;
    const answer = await http.send({ method: 'POST', path, body: await credentials(id, auth) });
    const made = leaseOf(answer, now());
    if (made === undefined) throw loginFailure(answer, at(id, path), lease === undefined);
    lease = made;
  }

  /** @returns whether it lasts as long as at its login: less says that the longest life of the token is near. */
  async function renewed(old: Lease): Promise<boolean> {
    if (!old.renewable) return false;
    const call = { method: 'POST', path: 'auth/token/renew-self', token: old.token, body: {} } as const;
    const made = leaseOf(await http.send(call), now());
    if (made === undefined || made.seconds < old.seconds) return false;
    lease = { ...made, token: old.token };
    return true;
  }

  async function extend(): Promise<void> {
    const old = lease;
    if (old !== undefined && now() < old.renewAt) return;
    try {
      if (old !== undefined && now() < old.endsAt && (await renewed(old))) return;
      await logIn();
    } catch (error) {
      // It is still good, and nobody answers: let the call itself find out.
      if (old !== undefined && now() < old.endsAt && error instanceof DependencyUnavailable) return;
      throw error;
    }
  }

  async function token(): Promise<Secret> {
    if (lease === undefined || now() >= lease.renewAt) await flights.run('extend', extend);
    if (lease === undefined) throw new Error('a login that was not refused gives a lease');
    return lease.token;
  }

  return {
    tokenFile: undefined,
    token,
    async instead(refused) {
      if (lease !== undefined && lease.token !== refused) return lease.token;
      if (worked !== refused && lease !== undefined && now() - lease.since < FUTILE_MS) return undefined;
      await flights.run('login', logIn);
      return token();
    },
    worked: (token) => void (worked = token),
  };
}

function leaseOf({ status, body }: VaultAnswer, at: number): Lease | undefined {
  const text = textMember(body, 'auth', 'client_token');
  if (status !== 200 || text === undefined) return undefined;
  const seconds = numberMember(body, 'auth', 'lease_duration') ?? 0;
  // A token with a lease of 0 has no end.
  const life = seconds === 0 ? Infinity : seconds * 1000;
  return {
    token: new Secret(text),
    seconds,
    renewable: member(body, 'auth', 'renewable') === true,
    since: at,
    renewAt: at + life * RENEW_AT,
    endsAt: at + life,
  };
}

async function credentials(id: string, auth: LoginConfig): Promise<Record<string, string>> {
  return auth.kind === 'approle'
    ? { role_id: auth.roleId, secret_id: await secretIn(id, auth.secretIdFile) }
    : { role: auth.role, jwt: await secretIn(id, auth.tokenFile) };
}

/** An agent may be writing it at this moment, so that trying again helps. */
async function secretIn(id: string, file: string): Promise<string> {
  const unreadable = (code: string): DependencyUnavailable =>
    unavailable(`custody.wrappers.${id}: ${file} holds no token or secret for Vault now (${code}).`, code);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw unreadable((error as NodeJS.ErrnoException).code ?? 'unreadable');
  });
  // Not to be sent as a header: an answer would quote it.
  if (!/^[\x21-\x7e]+$/.test(text.trim())) throw unreadable('Malformed');
  return text.trim();
}
