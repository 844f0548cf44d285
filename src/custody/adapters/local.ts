import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { encodeContext } from '../context.ts';
import { KeyNotMine } from '../errors.ts';
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
export function localWrapper({ id, ring: first, reread, now = Date.now }: LocalWrapperOptions): KeyWrapper {
  let ring = first;
  let readAt = now();

  /** A file that cannot be read just now changes nothing: what is held is held. */
  async function refresh(olderThanMs = 0): Promise<void> {
    if (!reread || now() - readAt < olderThanMs) return;
    readAt = now();
    ring = await reread().catch(() => ring);
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
      return [ring.current, ...others].map((kekId) => ({ wrapperId: id, kekId, state: 'usable' }));
    },

    close: () => undefined,
  };
  return wrapper;
}
