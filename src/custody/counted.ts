import { SealslotError } from '../errors.ts';
import type { KeyPlace, KeyWrapper } from './port.ts';
import { isProof } from './proof.ts';

/** What became of one call of a KEK's keeper. */
export type KekOutcome = 'ok' | 'unavailable' | 'refused' | 'not_mine' | 'failed';

/** Told of every call; `wrapperId` is a configured one or `UNCONFIGURED`. Never given key material. */
export type CountKekCall = (
  wrapperId: string,
  call: 'wrap' | 'unwrap' | 'rewrap',
  outcome: KekOutcome,
) => void;

/** For keys of a wrapper that is not configured: its name comes from the store, and would be a label without bounds. */
export const UNCONFIGURED = 'unconfigured';

export const UNCOUNTED: CountKekCall = () => undefined;

const OUTCOMES: Readonly<Record<string, KekOutcome>> = {
  dependency_unavailable: 'unavailable',
  key_refused: 'refused',
  key_not_mine: 'not_mine',
};

/** The same wrapper, each call counted but those of proofs: some are meant to be refused. */
export function counted(wrapper: KeyWrapper, count: CountKekCall): KeyWrapper {
  async function counting<T>(
    call: 'wrap' | 'unwrap' | 'rewrap',
    place: KeyPlace,
    work: Promise<T>,
  ): Promise<T> {
    if (isProof(place)) return work;
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
    wrap: (key, place) => counting('wrap', place, wrapper.wrap(key, place)),
    unwrap: (wrapped, place) => counting('unwrap', place, wrapper.unwrap(wrapped, place)),
    rewrap: (wrapped, place) => counting('rewrap', place, wrapper.rewrap(wrapped, place)),
  };
}
