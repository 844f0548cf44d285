import type { VaultTransitConfig } from '../../../config/config.ts';
import type { DependencyUnavailable } from '../../../errors.ts';
import { KeyRefused } from '../../errors.ts';
import type { Ask } from './authorised.ts';
import { batched } from './batched.ts';
import { at, failureBy, failureOf, mayBeOneItem, unavailable, wordsOf } from './errors.ts';
import { pathOf } from './http.ts';
import type { VaultAnswer } from './http.ts';
import { member, numberMember, textMember } from './members.ts';

/** OpenBao takes 1,000 JSON strings in a request, names included: 249 items of these. */
const MOST_ITEMS = 200;

interface Sealed {
  readonly ciphertext: string;
  /** base64, as all else that is not a ciphertext. */
  readonly context: string;
}

interface Open {
  readonly plaintext: string;
  readonly context: string;
}

/** A context that is no place's, for what is thrown away. */
export const NO_PLACE = Buffer.from('sealslot/no-place').toString('base64');

/**
 * One key of a transit engine. Calls of one kind that come together share a request. All calls: @throws KeyRefused,
 * DependencyUnavailable.
 */
export interface Transit {
  /** How messages about the key itself begin. */
  readonly where: string;
  encrypt(item: Open): Promise<string>;
  decrypt(item: Sealed): Promise<string>;
  /** Within Vault: the plaintext never leaves it. */
  rewrap(item: Sealed): Promise<string>;
  /** Without ever making the key, as `encrypt` would under a policy that allows `create`. */
  proveExistence(): Promise<void>;
  /** `undefined` when the policy does not let this be read. */
  describe(): Promise<KeyFacts | undefined>;
}

export interface KeyFacts {
  readonly type: string | undefined;
  readonly derived: boolean;
  readonly convergent: boolean;
  readonly softDeleted: boolean;
  readonly latestVersion: number | undefined;
}

/** @param id of the wrapper, for messages. */
export function openTransit(
  ask: Ask,
  { id, mount, key }: Pick<VaultTransitConfig, 'mount' | 'key'> & { readonly id: string },
): Transit {
  const pathTo = (what: string): string => `${pathOf(mount)}/${what}/${encodeURIComponent(key)}`;
  const whereOf = (what: string): string => at(id, pathTo(what));

  function inBatches(kind: string, result: string): (item: Open | Sealed) => Promise<string> {
    async function send(items: readonly (Open | Sealed)[]): Promise<PromiseSettledResult<string>[]> {
      const answer = await ask({ method: 'POST', path: pathTo(kind), body: { batch_input: items } });
      // With failed items among them the status is 400 or 200, by kind and version.
      const results = member(answer.body, 'data', 'batch_results');
      if (Array.isArray(results) && results.length === items.length)
        return results.map((one: unknown) => outcomeOf(one, answer, whereOf(kind), result));
      if (items.length === 1 || !mayBeOneItem(answer)) throw failureOf(answer, whereOf(kind));
      const middle = Math.ceil(items.length / 2);
      return [...(await sendPart(items.slice(0, middle))), ...(await sendPart(items.slice(middle)))];
    }

    /** A half that fails as a whole must not take the other along. */
    async function sendPart(items: readonly (Open | Sealed)[]): Promise<PromiseSettledResult<string>[]> {
      return send(items).catch((reason: unknown) => items.map(() => ({ status: 'rejected', reason })));
    }

    return batched(send, MOST_ITEMS);
  }

  return {
    where: whereOf('keys'),

    encrypt: inBatches('encrypt', 'ciphertext'),
    decrypt: inBatches('decrypt', 'plaintext'),
    rewrap: inBatches('rewrap', 'ciphertext'),

    async proveExistence() {
      // The key is looked up before the ciphertext is looked at.
      const answer = await ask({
        method: 'POST',
        path: pathTo('decrypt'),
        body: { ciphertext: 'none', context: NO_PLACE },
      });
      if (answer.status === 400 && wordsOf(answer)?.includes('invalid ciphertext')) return;
      throw failureOf(answer, whereOf('decrypt'));
    },

    async describe() {
      const answer = await ask({ method: 'GET', path: pathTo('keys') }, { mayBeDenied: true });
      if (answer.status === 403) return undefined;
      if (answer.status !== 200) throw failureOf(answer, whereOf('keys'));
      return factsOf(member(answer.body, 'data'));
    },
  };
}

function outcomeOf(
  one: unknown,
  { status }: VaultAnswer,
  where: string,
  result: string,
): PromiseSettledResult<string> {
  const error = textMember(one, 'error');
  // An item that failed within an answer of 200 is refused all the same.
  if (error !== undefined)
    return { status: 'rejected', reason: failureBy(Math.max(status, 400), error, where) };
  const value = textMember(one, result);
  return value === undefined
    ? { status: 'rejected', reason: unintelligible(where, status) }
    : { status: 'fulfilled', value };
}

function factsOf(data: unknown): KeyFacts {
  return {
    type: textMember(data, 'type'),
    derived: member(data, 'derived') === true,
    convergent: member(data, 'convergent_encryption') === true,
    softDeleted: member(data, 'soft_deleted') === true,
    latestVersion: numberMember(data, 'latest_version'),
  };
}

function unintelligible(where: string, status: number): DependencyUnavailable {
  return unavailable(`${where}: Vault's answer lacks what was asked for.`, 'Unreadable', status);
}

/** What wrapping needs of the key. @throws KeyRefused `kek_unfit`, `kek_disabled`. */
export function assertFit({ type, derived, convergent, softDeleted }: KeyFacts, where: string): void {
  if (softDeleted)
    throw new KeyRefused(`${where}: The transit key is soft-deleted.`, { refusal: 'kek_disabled' });
  const why = !derived
    ? 'it is not `derived`, so that it would ignore the context that binds a key to its place'
    : convergent
      ? 'it has `convergent_encryption`, so that equal keys would be seen to be equal'
      : type === undefined || !TYPES.includes(type)
        ? `its type is none of ${TYPES.join(', ')}`
        : undefined;
  if (why !== undefined)
    throw new KeyRefused(`${where}: The transit key is of no use here: ${why}.`, { refusal: 'kek_unfit' });
}

/** Authenticated encryption with 256-bit keys. The last is OpenBao's. */
const TYPES = ['aes256-gcm96', 'chacha20-poly1305', 'xchacha20-poly1305'];
