import { DependencyUnavailable } from '../errors.ts';

const ATTEMPTS = 4;
const PAUSE_MS = 250;

/** Resolves after so many milliseconds, or at once when there is nothing to wait for any more. */
export type Pause = (milliseconds: number) => Promise<void>;

/** Four attempts with growing pauses, none after `stop`. @throws DependencyUnavailable when none of them met an answer. */
export async function patiently<T>(work: () => Promise<T>, pause: Pause, stop?: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const isLast = attempt === ATTEMPTS || stop?.aborted === true;
      if (!(error instanceof DependencyUnavailable) || isLast) throw error;
    }
    await pause(Math.random() * PAUSE_MS * 2 ** attempt);
  }
}

/** What failed only because something does not answer becomes an outcome of its own. */
export async function unlessUnavailable<T>(
  work: () => Promise<T>,
): Promise<T | { readonly kind: 'unavailable'; readonly detail: string }> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DependencyUnavailable)) throw error;
    const cause = error.cause instanceof Error ? ` ${error.cause.message}` : '';
    return { kind: 'unavailable', detail: error.message + cause };
  }
}

/** So many workers at once. When one fails the others are stopped, and finish what they have in hand before the failure is thrown. */
export async function allToTheirEnd(
  count: number,
  worker: () => Promise<void>,
  stop: AbortController,
): Promise<void> {
  const workers = Array.from({ length: count }, () =>
    worker().catch((error: unknown) => {
      stop.abort();
      throw error;
    }),
  );
  const ends = await Promise.allSettled(workers);
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure) throw failure.reason;
}
