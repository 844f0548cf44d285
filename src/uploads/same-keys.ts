import { KeyNotMine, KeyRefused } from '../custody/errors.ts';
import type { CustomerKey } from '../custody/customer-key.ts';
import type { KeyWrapper } from '../custody/port.ts';
import type { KeyCursor, PlacedKey, Store } from '../store/port.ts';
import { placeOf } from './services.ts';
import { mapSeveral } from './several.ts';

/** A store, and what opens the keys in it. */
export interface Opener {
  readonly store: Pick<Store, 'keys'>;
  readonly wrapper: KeyWrapper;
}

export interface Openers {
  readonly before: Opener;
  readonly now: Opener;
}

export type SameKey =
  | { readonly kind: 'same' }
  /** It opens with one of the two alone, or as another key. `why` holds no key. */
  | { readonly kind: 'differs'; readonly why: string }
  /** It opens with neither. */
  | { readonly kind: 'opens_nowhere'; readonly why: string };

/**
 * Opens keys as they were opened before and as they will be from now on, each from its own store, and compares what comes out.
 * @returns one for each, in order.
 * @throws DependencyUnavailable when a store, or a keeper of KEKs, does not answer.
 */
export function sameKeys({ before, now }: Openers, keys: readonly KeyCursor[]): Promise<SameKey[]> {
  return mapSeveral(keys, async (key) => {
    const [old, next] = [await open(before, key), await open(now, key)];
    try {
      return compare(old, next);
    } finally {
      for (const opened of [old, next]) if (typeof opened !== 'string') opened.erase();
    }
  });
}

function compare(old: CustomerKey | string, next: CustomerKey | string): SameKey {
  if (typeof next === 'string')
    return { kind: typeof old === 'string' ? 'opens_nowhere' : 'differs', why: next };
  if (typeof old === 'string') return { kind: 'differs', why: `it did not open before: ${old}` };
  return old.equals(next) ? { kind: 'same' } : { kind: 'differs', why: 'it opens as another key' };
}

/** The key, or why it does not open. */
async function open(opener: Opener, key: KeyCursor): Promise<CustomerKey | string> {
  const placed = await find(opener, key);
  if (placed === undefined) return 'it is not there';
  try {
    return await opener.wrapper.unwrap(placed.wrapped, placeOf(placed.upload, placed.generation));
  } catch (error) {
    if (error instanceof KeyNotMine || error instanceof KeyRefused) return error.message;
    throw error;
  }
}

/** With its slot, which no tenant is named for here. */
async function find({ store }: Opener, { uploadId, generation }: KeyCursor): Promise<PlacedKey | undefined> {
  const [found] = await store.keys.page({ after: { uploadId, generation: generation - 1 }, limit: 1 });
  return found?.upload.id === uploadId && found.generation === generation ? found : undefined;
}
