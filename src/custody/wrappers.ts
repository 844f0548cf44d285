import { KeyNotMine } from './errors.ts';
import type { KeyWrapper, WrappedKey } from './port.ts';

/**
 * Several wrappers as one: the current one wraps, each unwraps its own. Moving from one to another is `rewrap`.
 * @param all by id; `current` is among them.
 */
export function severalWrappers(current: KeyWrapper, all: ReadonlyMap<string, KeyWrapper>): KeyWrapper {
  function ownerOf(wrapped: WrappedKey): KeyWrapper {
    const owner = all.get(wrapped.wrapperId);
    if (!owner)
      throw new KeyNotMine(`The key was wrapped by "${wrapped.wrapperId}", which is not configured.`);
    return owner;
  }

  return {
    id: current.id,
    wrap: (key, place) => current.wrap(key, place),
    unwrap: async (wrapped, place) => ownerOf(wrapped).unwrap(wrapped, place),
    async rewrap(wrapped, place) {
      const owner = ownerOf(wrapped);
      if (owner === current) return owner.rewrap(wrapped, place);
      return current.wrap(await owner.unwrap(wrapped, place), place);
    },
    isCurrent: async (wrapped) => wrapped.wrapperId === current.id && current.isCurrent(wrapped),
    async keks() {
      const others = [...all.values()].filter((wrapper) => wrapper !== current);
      return (await Promise.all([current, ...others].map((wrapper) => wrapper.keks()))).flat();
    },
    close: () => all.forEach((wrapper) => wrapper.close()),
  };
}
