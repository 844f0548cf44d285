import { DependencyUnavailable, SealslotError } from '../../../errors.ts';
import { KeyRefused } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import type { VaultAnswer } from './http.ts';
import { member } from './members.ts';

const MAX_WORDS = 200;

/** What Vault said, or why it said nothing: for operators, as the `cause` of what callers are told. */
export class VaultFailure extends SealslotError {
  /** Node's or OpenSSL's where there is one. */
  readonly code: string;
  /** The HTTP status; undefined when no answer came. */
  readonly status: number | undefined;

  constructor(detail: string, code: string, status?: number) {
    super(detail);
    this.code = code;
    this.status = status;
  }
}

/** How messages begin: which wrapper, and what it asks Vault for. */
export function at(id: string, path: string): string {
  return `custody.wrappers.${id} (${path})`;
}

/** Callers are told that custody does not answer, and nothing of where Vault is. */
export function unavailable(detail: string, code: string, status?: number): DependencyUnavailable {
  return new DependencyUnavailable('custody', new VaultFailure(detail, code, status));
}

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

/** Why Vault did not do what it was asked to, for any answer but the one hoped for. @param where of `at`. */
export function failureOf(answer: VaultAnswer, where: string): KeyRefused | DependencyUnavailable {
  return failureBy(answer.status, wordsOf(answer), where);
}

/** @param words what Vault says of one item of a batch, or of the whole request. */
export function failureBy(
  status: number,
  words: string | undefined,
  where: string,
): KeyRefused | DependencyUnavailable {
  const said = answered(status, words);
  if (status === 403) return new KeyRefused(`${where}: ${said}`, { refusal: 'access_denied' });
  for (const [pattern, refusal, meaning] of REFUSALS) {
    if (words !== undefined && pattern.test(words))
      return new KeyRefused(`${where}: ${meaning}. ${said}`, { refusal });
  }
  // Without words of its own it is some proxy's answer, not Vault's.
  if (words === undefined || isForLater(status) || status < 400)
    return unavailable(`${where}: ${said}`, UNWILLING, status);
  return new KeyRefused(`${where}: ${said}`, { refusal: status === 404 ? 'kek_not_found' : 'kek_unfit' });
}

/**
 * The first login that is refused shows a wrong configuration, whatever the words. A later one says nothing of the key: whoever writes a
 * new secret mends it.
 */
export function loginFailure(
  answer: VaultAnswer,
  where: string,
  isFirst: boolean,
): KeyRefused | DependencyUnavailable {
  const { status } = answer;
  const words = wordsOf(answer);
  const said = `${where}: ${answered(status, words)}`;
  return !isFirst || status < 400 || isForLater(status) || (words === undefined && status !== 403)
    ? unavailable(said, UNWILLING, status)
    : new KeyRefused(said, { refusal: 'access_denied' });
}

const UNWILLING = 'VaultAnswer';

function answered(status: number, words: string | undefined): string {
  return `Vault answered ${status}${words === undefined ? '' : `: ${cut(words)}`}.`;
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
