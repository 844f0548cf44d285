import { DependencyUnavailable } from '../../../errors.ts';
import { KeyRefused } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import type { VaultAnswer } from './http.ts';
import { member } from './members.ts';

const MAX_WORDS = 200;

/** Vault has no codes, only words; they are the same in OpenBao and in all versions since 2018. */
const REFUSALS: readonly (readonly [words: RegExp, refusal: Refusal, meaning: string])[] = [
  [/encryption key not found|no handler for route/, 'kek_not_found', 'There is no such transit key or mount'],
  [/\(too old\)/, 'kek_disabled', "The key's min_decryption_version is above the version that wrapped this"],
  [/soft.deleted/, 'kek_disabled', 'The transit key is soft-deleted'],
  [
    /message authentication failed|invalid ciphertext|no such key version/,
    'not_authentic',
    'The wrapped key is not authentic in this place',
  ],
];

/** Asking again later helps: a busy, sealed, starting or lagging (412) server. */
function isForLater(status: number): boolean {
  return status === 412 || status === 429 || status >= 500;
}

/** Why Vault did not do what it was asked to, for any answer but the one hoped for. */
export function failureOf(answer: VaultAnswer, asked: string): KeyRefused | DependencyUnavailable {
  return failureBy(answer.status, wordsOf(answer), asked);
}

/** @param words what Vault says of one item of a batch, or of the whole request. */
export function failureBy(
  status: number,
  words: string | undefined,
  asked: string,
): KeyRefused | DependencyUnavailable {
  const said = `Vault answered ${status} to ${asked}${words === undefined ? '' : `: ${cut(words)}`}`;
  if (status === 403) return new KeyRefused(`${said}.`, { refusal: 'access_denied' });
  for (const [pattern, refusal, meaning] of REFUSALS) {
    if (words !== undefined && pattern.test(words))
      return new KeyRefused(`${meaning}. ${said}.`, { refusal });
  }
  // Without words of its own it is some proxy's answer, not Vault's.
  if (words === undefined || isForLater(status) || status < 400)
    return new DependencyUnavailable('custody', undefined, `${said}.`);
  return new KeyRefused(`${said}.`, { refusal: status === 404 ? 'kek_not_found' : 'kek_unfit' });
}

/** A refused login is final until an operator acts, whatever the words. */
export function loginFailure(answer: VaultAnswer, method: string): KeyRefused | DependencyUnavailable {
  const { status } = answer;
  const words = wordsOf(answer);
  const said = `Vault answered ${status} to the ${method} login${words === undefined ? '' : `: ${cut(words)}`}.`;
  return status < 400 || isForLater(status) || (words === undefined && status !== 403)
    ? new DependencyUnavailable('custody', undefined, said)
    : new KeyRefused(said, { refusal: 'access_denied' });
}

/**
 * Whether a whole batch may have been refused for one of its items, or for its size: some versions fail all of a `rewrap` for one item,
 * and operators may lower the limits of a request.
 */
export function mayBeOneItem(answer: VaultAnswer): boolean {
  const words = wordsOf(answer) ?? '';
  return (
    answer.status === 413 ||
    /exceed|too large/.test(words) ||
    REFUSALS.some(([pattern, refusal]) => refusal !== 'kek_not_found' && pattern.test(words))
  );
}

/** Vault's own words; `undefined` when the answer is not in its form. */
export function wordsOf({ body }: VaultAnswer): string | undefined {
  const errors = member(body, 'errors');
  if (!Array.isArray(errors)) return undefined;
  return errors.filter((error) => typeof error === 'string').join('; ');
}

function cut(words: string): string {
  const line = words.replace(/\s+/g, ' ').trim();
  return line.length > MAX_WORDS ? `${line.slice(0, MAX_WORDS)}…` : line;
}
