import { SealslotError } from '../errors.ts';
import type { KeyWrapper } from './port.ts';

/** What became of one call of a KEK's keeper. */
export type KekOutcome = 'ok' | 'unavailable' | 'refused' | 'not_mine' | 'failed';

/** Told of every call. Never given key material. */
export type CountKekCall = (
  wrapperId: string,
  call: 'wrap' | 'unwrap' | 'rewrap',
  outcome: KekOutcome,
) => void;

export const UNCOUNTED: CountKekCall = () => undefined;

const OUTCOMES: Readonly<Record<string, KekOutcome>> = {
  dependency_unavailable: 'unavailable',
  key_refused: 'refused',
  key_not_mine: 'not_mine',
};

/** The same wrapper, each call counted. */
export function counted(wrapper: KeyWrapper, count: CountKekCall): KeyWrapper {
  async function counting<T>(call: 'wrap' | 'unwrap' | 'rewrap', work: Promise<T>): Promise<T> {
    try {
      const result = await work;
      count(wrapper.id, call, 'ok');
      return result;
    } catch (error) {
      const code = error instanceof SealslotError ? error.code : '';
      count(wrapper.id, call, OUTCOMES[code] ?? 'failed');
      throw error;
    }
  }
  return {
    ...wrapper,
    wrap: (key, place) => counting('wrap', wrapper.wrap(key, place)),
    unwrap: (wrapped, place) => counting('unwrap', wrapper.unwrap(wrapped, place)),
    rewrap: (wrapped, place) => counting('rewrap', wrapper.rewrap(wrapped, place)),
  };
}
