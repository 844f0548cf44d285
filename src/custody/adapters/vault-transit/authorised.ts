import type { Session } from './session.ts';
import type { VaultAnswer, VaultHttp, VaultRequest } from './http.ts';

export type Ask = (
  call: Omit<VaultRequest, 'token'>,
  /** Takes a 403 for an answer, where a smaller policy is right: no new login. */
  options?: { readonly mayBeDenied: boolean },
) => Promise<VaultAnswer>;

/** Requests with a token. One that is refused with 403 is made once more, with another token if there is one. */
export function authorised(http: VaultHttp, session: Session): Ask {
  return async (call, options) => {
    const token = await session.token();
    const answer = await http.send({ ...call, token });
    if (answer.status !== 403) {
      session.worked(token);
      return answer;
    }
    const another = options?.mayBeDenied === true ? undefined : await session.instead(token);
    if (another === undefined) return answer;
    const second = await http.send({ ...call, token: another });
    if (second.status !== 403) session.worked(another);
    return second;
  };
}
