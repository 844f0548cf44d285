import type { Secret } from '../../../secret.ts';
import { at, unavailable } from './errors.ts';
import { pathOf } from './http.ts';
import type { VaultAnswer, VaultHttp, VaultRequest } from './http.ts';
import type { Session } from './session.ts';

export type Ask = (
  call: Omit<VaultRequest, 'token'>,
  /** Takes a 403 for an answer, where a smaller policy is right: no new login. */
  options?: { readonly mayBeDenied: boolean },
) => Promise<VaultAnswer>;

export interface AuthorisedOptions {
  /** Of the wrapper, for messages. */
  readonly id: string;
  readonly mount: string;
}

/**
 * Requests with a token. One that is refused with 403 is made once more, with another token if there is one. A 403 that is returned is the
 * policy's: a token from a file that Vault knows no more is @throws DependencyUnavailable, since it says nothing of the key.
 */
export function authorised(http: VaultHttp, session: Session, { id, mount }: AuthorisedOptions): Ask {
  async function denied(answer: VaultAnswer, token: Secret, path: string): Promise<VaultAnswer> {
    const { tokenFile } = session;
    if (tokenFile === undefined || (await isAlive(token))) return answer;
    const said = `Vault knows the token in ${tokenFile} no more; write a new one there.`;
    throw unavailable(`${at(id, path)}: ${said}`, 'TokenEnded', answer.status);
  }

  /** Not by the words of the 403: before 1.17 Vault had none for this, and OpenBao has none. */
  async function isAlive(token: Secret): Promise<boolean> {
    // The first is a right of the policy `default`, which a token may lack; the second of whoever may do anything below the mount.
    for (const path of ['auth/token/lookup-self', `sys/internal/ui/mounts/${pathOf(mount)}`]) {
      if ((await http.send({ method: 'GET', path, token })).status === 200) return true;
    }
    return false;
  }

  return async (call, options) => {
    const token = await session.token();
    const answer = await http.send({ ...call, token });
    if (answer.status !== 403) {
      session.worked(token);
      return answer;
    }
    const another = options?.mayBeDenied === true ? undefined : await session.instead(token);
    if (another === undefined) return denied(answer, token, call.path);
    const second = await http.send({ ...call, token: another });
    if (second.status === 403) return denied(second, another, call.path);
    session.worked(another);
    return second;
  };
}
