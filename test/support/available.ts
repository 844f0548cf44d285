/** A real server that cannot be had on this machine; `how` says what would help. */
export class MissingBackend extends Error {
  readonly code = 'missing_backend';
  readonly backend: string;

  constructor(backend: string, how: string, cause?: unknown) {
    super(`${MISSING_PREFIX}${backend}. To get it: ${how}`, { cause });
    this.backend = backend;
  }
}

/** The test runner looks for it in the reasons of skipped tests. */
export const MISSING_PREFIX = 'missing backend: ';

export interface Available<T> {
  /** For `describe(name, { skip: backend.skip }, …)`. */
  readonly skip: string | false;
  get(): T;
  stop(): Promise<void>;
}

/**
 * Starts a backend that may not be to be had. In CI that fails the test file; elsewhere its tests are skipped with the reason, which the
 * runner prints, ending with an error: nothing is skipped silently.
 */
export async function available<T extends { stop(): Promise<void> }>(
  start: () => Promise<T>,
): Promise<Available<T>> {
  try {
    const backend = await start();
    return { skip: false, get: () => backend, stop: () => backend.stop() };
  } catch (error) {
    if (!(error instanceof MissingBackend) || process.env['CI'] === 'true') throw error;
    const get = (): never => {
      throw error;
    };
    return { skip: error.message, get, stop: async () => undefined };
  }
}
