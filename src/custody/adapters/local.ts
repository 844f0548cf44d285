import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { encodeContext } from '../context.ts';
import { KekFileInvalid, KeyNotMine } from '../errors.ts';
import type { KekRing } from '../kek-ring.ts';
import type { KeyWrapper, WrappedKey } from '../port.ts';
import { seal, unseal } from '../sealed.ts';

export interface LocalWrapperOptions {
  readonly id: string;
  readonly ring: KekRing;
  /**
   * Reads the KEK file again: every few seconds before it is asked which KEK is current, and when a key names a KEK that is not held. So `sealslot kek
   * rotate` takes effect in a running service, and `sealslot rewrap` may move keys under it.
   */
  readonly reread?: () => Promise<KekRing>;
  readonly now?: Clock;
}

/** `sealslot kek retire` relies on it: a KEK that was current long before wraps nothing any more. */
export const REREAD_MS = 5_000;

/** Wraps under KEKs held in this process: AES-256-GCM under a key derived for the place, with the place as associated data. */
export function localWrapper(options: LocalWrapperOptions): KeyWrapper {
  const { id, ring: first, reread, now = Date.now } = options;
  let ring = first;
  let readAt = now();
  let unreadable: string | undefined;

  /** A file that cannot be read just now does not change what is held, but has to be told of: at the next start nothing is. */
  async function refresh(olderThanMs = 0): Promise<void> {
    if (!reread || now() - readAt < olderThanMs) return;
    readAt = now();
    try {
      ring = await reread();
      unreadable = undefined;
    } catch (error) {
      const before = unreadable;
      unreadable = `the KEK file cannot be read: ${reasonOf(error)}`;
      if (before === undefined) process.emitWarning(`custody.wrappers.${id}: ${unreadable}`, WARNING);
    }
  }

  async function held({ wrapperId, kekId }: Pick<WrappedKey, 'wrapperId' | 'kekId'>): Promise<KeyObject> {
    if (wrapperId !== id) throw new KeyNotMine('The key was wrapped by another wrapper.');
    if (!ring.keks.has(kekId)) await refresh();
    const kek = ring.keks.get(kekId);
    if (!kek) throw new KeyNotMine('The key was wrapped under a KEK that is not held here.');
    return kek;
  }

  const wrapper: KeyWrapper = {
    id,

    async wrap(key, place) {
      await refresh(REREAD_MS);
      const kekId = ring.current;
      const kek = await held({ wrapperId: id, kekId });
      return { wrapperId: id, kekId, bytes: seal(key, kek, encodeContext(id, kekId, place)) };
    },

    async unwrap(wrapped, place) {
      const kek = await held(wrapped);
      return unseal(wrapped.bytes, kek, encodeContext(id, wrapped.kekId, place));
    },

    async rewrap(wrapped, place) {
      return wrapper.wrap(await wrapper.unwrap(wrapped, place), place);
    },

    async isCurrent({ wrapperId, kekId }) {
      await refresh(REREAD_MS);
      return wrapperId === id && kekId === ring.current;
    },

    async keks() {
      await refresh(REREAD_MS);
      const others = [...ring.keks.keys()].filter((kekId) => kekId !== ring.current);
      const said = unreadable === undefined ? USABLE : { state: 'unknown' as const, detail: unreadable };
      return [ring.current, ...others].map((kekId) => ({ wrapperId: id, kekId, ...said }));
    },

    close: () => undefined,
  };
  return wrapper;
}

const WARNING = { code: 'SEALSLOT_KEK_FILE' };
const USABLE = { state: 'usable' } as const;

/** `ENOENT`, or what is wrong with the file. */
function reasonOf(error: unknown): string {
  const { code } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  return error instanceof KekFileInvalid && error.cause === undefined ? error.message : (code ?? 'unknown');
}
