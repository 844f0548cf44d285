import { PartnerError } from './errors.ts';

/** How often and how patiently something is tried again. */
export interface RetryPolicy {
  /** Tries in all. */
  readonly tries: number;
  /** Milliseconds; the first pause is at most this, each next one at most twice the one before. */
  readonly firstPauseMs: number;
  /** Milliseconds. */
  readonly longestPauseMs: number;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Resolves after that many milliseconds; rejects when the signal is aborted. */
  readonly pause: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
  /** Told of each failure that is tried again. */
  readonly onRetry?: (error: PartnerError) => void;
}

export const DEFAULT_RETRY: RetryPolicy = {
  tries: 6,
  firstPauseMs: 500,
  longestPauseMs: 8_000,
  random: Math.random,
  pause: delay,
};

/** @throws what aborted the signal. */
export function delay(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return until(signal, (end) => {
    const timer = setTimeout(end, milliseconds);
    return () => clearTimeout(timer);
  });
}

/**
 * Waits for something that can be given up.
 * @param begin starts it and is told how to end it, by a value or a promise; what it returns, if anything, cleans up, however it ends.
 * @throws what aborted the signal.
 */
export async function until<T = void>(
  signal: AbortSignal | undefined,
  begin: (end: (value: T | PromiseLike<T>) => void) => (() => void) | undefined,
): Promise<T> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const onAbort = (): void => reject(signal?.reason);
  signal?.addEventListener('abort', onAbort);
  const cleanUp = begin(resolve);
  try {
    return await promise;
  } finally {
    cleanUp?.();
    signal?.removeEventListener('abort', onAbort);
  }
}

/** A service that asks for more patience than this is not waited for as long. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/** Counts failures in a row and waits between them. */
export class Patience {
  readonly #policy: RetryPolicy;
  readonly #signal: AbortSignal | undefined;
  #failures = 0;

  constructor(policy: RetryPolicy, signal?: AbortSignal) {
    this.#policy = policy;
    this.#signal = signal;
  }

  /**
   * Full jitter: many clients that failed together do not come back together. `Retry-After` is the least.
   * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
   * @throws the error itself, when waiting cannot help or has not helped.
   */
  async afterFailure(error: unknown): Promise<void> {
    const isPassing = error instanceof PartnerError && error.passing;
    if (!isPassing || !(await this.afterRefusal(error, this.#policy.onRetry))) throw error;
  }

  /** Waits as after a failure that is none, such as "not arrived yet". @returns false when patience is at its end. */
  async afterRefusal<E>(error: E, tell?: (error: E) => void): Promise<boolean> {
    this.#failures += 1;
    if (this.#failures >= this.#policy.tries) return false;
    tell?.(error);
    await this.#wait(error);
    return true;
  }

  /** Waits while the other side works: no failure, however long it takes. */
  async whileUnderWay(error: unknown): Promise<void> {
    this.#failures = 0;
    await this.#wait(error);
  }

  async #wait(error: unknown): Promise<void> {
    const { firstPauseMs, longestPauseMs, random, pause } = this.#policy;
    const most = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.max(0, this.#failures - 1));
    const { retryAfterSeconds = 0 } = error as Partial<PartnerError>;
    const asked = Math.min(LONGEST_RETRY_AFTER_MS, retryAfterSeconds * 1000);
    await pause(asked + random() * most, this.#signal);
  }
}
