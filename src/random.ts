import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;
const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

/**
 * Random bytes for what is no secret: nonces and ids. They are drawn many at a time, since each draw asks the system whether the process has
 * been forked. Keys are drawn by themselves, so that none lies in memory before it is used.
 * @returns a view, good until the next call.
 */
export function publicRandom(length: number): Buffer {
  if (used + length > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = pool.subarray(used, used + length);
  used += length;
  return bytes;
}
