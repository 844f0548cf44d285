import { v7 as uuidv7 } from 'uuid';
import { publicRandom } from '../random.ts';

const RANDOM_BYTES = 16;
/** Of the 32 bits that count within a millisecond, one is left to count on in. */
const FIRST_BITS = 2 ** 31;

let msecs = -Infinity;
let seq = 0;

/** A UUIDv7, greater than all before it of this process, as `uuid` makes them by itself, with random bytes from the pool. */
export function newId(): string {
  const random = publicRandom(RANDOM_BYTES);
  const now = Date.now();
  if (now > msecs) {
    msecs = now;
    seq = random.readUInt32BE(6) % FIRST_BITS;
  } else {
    seq += 1;
  }
  return uuidv7({ random, msecs, seq });
}
