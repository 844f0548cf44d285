import { DependencyUnavailable } from '../../errors.ts';

/** What is left of a body, from so many bytes into it. */
export type Reopen = (from: number) => Promise<AsyncIterable<Uint8Array>>;

/**
 * Goes on where S3 hung up: MinIO does so when a reader pauses for 30 seconds, as a film that is watched does. A connection that brought
 * nothing is the end of it.
 */
export function goingOn(first: AsyncIterable<Uint8Array>, reopen: Reopen): AsyncIterable<Uint8Array> {
  let current = first[Symbol.asyncIterator]();
  let length = 0;
  let begunAt = 0;
  const iterator: AsyncIterator<Uint8Array> = {
    async next() {
      for (;;) {
        try {
          const result = await current.next();
          if (result.done !== true) length += result.value.length;
          return result;
        } catch (error) {
          if (!(error instanceof DependencyUnavailable) || length === begunAt) throw error;
          begunAt = length;
          const rest = await reopen(length).catch(() => undefined);
          if (rest === undefined) throw error;
          current = rest[Symbol.asyncIterator]();
        }
      }
    },
    // At once, and not when a read that waits for S3 has ended.
    async return() {
      await current.return?.();
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}
