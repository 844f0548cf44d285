import { UNCONFIGURED, UNCOUNTED, type CountKekCall } from './counted.ts';
import { KeyNotMine } from './errors.ts';
import type { KeyWrapper, WrappedKey } from './port.ts';

/**
 * Several wrappers as one: the current one wraps, each unwraps its own. Moving from one to another is `rewrap`.
 * @param all by id; `current` is among them.
 * @param count told of calls that no wrapper gets, since theirs is not configured.
 */
export function severalWrappers(
  current: KeyWrapper,
  all: ReadonlyMap<string, KeyWrapper>,
  count: CountKekCall = UNCOUNTED,
): KeyWrapper {
  function ownerOf({ wrapperId }: WrappedKey, call: 'unwrap' | 'rewrap'): KeyWrapper {
    const owner = all.get(wrapperId);
    if (owner) return owner;
    count(UNCONFIGURED, call, 'not_mine');
    throw new KeyNotMine(`The key was wrapped by "${wrapperId}", which is not configured.`);
  }

  return {
    id: current.id,
    wrap: (key, place) => current.wrap(key, place),
    unwrap: async (wrapped, place) => ownerOf(wrapped, 'unwrap').unwrap(wrapped, place),
    async rewrap(wrapped, place) {
      const owner = ownerOf(wrapped, 'rewrap');
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
