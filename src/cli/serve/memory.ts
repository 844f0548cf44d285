import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Has V8 collect when its heap has grown by this much over what lives, and not only when it has doubled and more: a slot leaves little behind
 * that lives, and RSS is what operators pay for. `bin/sealslot.js` sets the size of the young generation, which V8 takes as an argument only.
 */
export function keepMemoryLow(): void {
  setFlagsFromString(GROWING);
  // What V8 takes for long-lived it makes in the old generation at once. In slots it is mistaken, and then collects that generation twice a second.
  setFlagsFromString('--no-allocation-site-pretenuring');
}

/**
 * Lets go of what only the start needed, in 30 to 50 ms. Under load V8 would not look for it: little is added to its old generation. Where Node's
 * own flags name it otherwise, nothing is let go.
 */
export function letGoOfStart(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext("typeof gc === 'function' && gc()");
  setFlagsFromString('--no-expose-gc');
}

const GROWING = '--heap-growing-percent=15';
const GROWING_AS_V8_HAS_IT = '--heap-growing-percent=0';
const YOUNG_STAYS = '--semi-space-growth-factor=1';
const YOUNG_GROWS = '--semi-space-growth-factor=2';

/**
 * What streams through the service is garbage at once, outside V8's own heap, and V8 lets a hundred megabytes of it lie before it looks. To look
 * early costs half of the slots a second, so it is for as long as there are many streams. V8 reads these flags each time it decides.
 */
export function collectForStreams(areMany: boolean): void {
  setFlagsFromString(areMany ? '--optimize-for-size' : '--no-optimize-for-size');
  setFlagsFromString(areMany ? GROWING_AS_V8_HAS_IT : GROWING);
  // What looking early makes small would grow again at once, and be made small: 200 streams took half as long again.
  setFlagsFromString(areMany ? YOUNG_STAYS : YOUNG_GROWS);
}
