import type { KeyWrapper } from './port.ts';

/** Stands for a wrapper that could not be opened: names no KEK, and says why to whoever asks it for anything. */
export function closedWrapper(id: string, why: Error): KeyWrapper {
  const refuse = (): Promise<never> => Promise.reject(why);
  return {
    id,
    wrap: refuse,
    unwrap: refuse,
    rewrap: refuse,
    isCurrent: refuse,
    keks: async () => [],
    close: () => undefined,
  };
}
