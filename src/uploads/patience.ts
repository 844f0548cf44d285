import { DependencyUnavailable } from '../errors.ts';

const ATTEMPTS = 4;
const PAUSE_MS = 250;

/** Resolves after so many milliseconds, or at once when there is nothing to wait for any more. */
export type Pause = (milliseconds: number) => Promise<void>;

/** Four attempts with growing pauses. @throws DependencyUnavailable when none of them met an answer. */
export async function patiently<T>(work: () => Promise<T>, pause: Pause): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DependencyUnavailable) || attempt === ATTEMPTS) throw error;
    }
    await pause(Math.random() * PAUSE_MS * 2 ** attempt);
  }
}
