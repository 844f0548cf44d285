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

function delay(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      if (signal?.aborted === true) reject(signal.reason as Error);
      else resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener('abort', end);
  });
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
    this.#failures += 1;
    if (!(error instanceof PartnerError) || !error.passing || this.#failures >= this.#policy.tries)
      throw error;
    this.#policy.onRetry?.(error);
    await this.#wait(error.retryAfterSeconds);
  }

  /** Waits as after a failure that is none, such as "not arrived yet". @returns false when patience is at its end. */
  async afterRefusal(retryAfterSeconds: number | undefined): Promise<boolean> {
    this.#failures += 1;
    if (this.#failures >= this.#policy.tries) return false;
    await this.#wait(retryAfterSeconds);
    return true;
  }

  /** Waits while the other side works: no failure, however long it takes. @param retryAfterSeconds what it asked for. */
  async whileUnderWay(retryAfterSeconds: number | undefined): Promise<void> {
    this.#failures = 0;
    await this.#wait(retryAfterSeconds);
  }

  /** Something went forward. */
  renew(): void {
    this.#failures = 0;
  }

  async #wait(retryAfterSeconds = 0): Promise<void> {
    const { firstPauseMs, longestPauseMs, random, pause } = this.#policy;
    const most = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.max(0, this.#failures - 1));
    const asked = Math.min(LONGEST_RETRY_AFTER_MS, retryAfterSeconds * 1000);
    await pause(asked + random() * most, this.#signal);
  }
}
