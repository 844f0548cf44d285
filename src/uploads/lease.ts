import type { UploadPatch } from '../store/port.ts';
import type { Services } from './services.ts';
import type { Upload } from './upload.ts';

/**
 * How long a slot is one worker's. Nothing renews it for the steps of a pass: what S3 answers at all it answers within 10 s, and a step is
 * a handful of calls. One that takes longer may be done twice, which costs its calls and changes nothing, as each change is made only where
 * the slot is still as it was read. Until a lease has ended, nobody takes up what a worker that died had in hand.
 */
export const LEASE_MS = 60_000;

/**
 * Takes one slot for this worker, due or not.
 * @param seen the slot as it was last seen: when its `nextCheckAt` is another by now, another has it, or has done what it was due for.
 * @returns undefined then, and when its state is another.
 */
export function lease({ store, now }: Services, seen: Upload): Promise<Upload | undefined> {
  const { id, state, nextCheckAt } = seen;
  return store.uploads.update(id, [state], { nextCheckAt: now() + LEASE_MS }, { nextCheckAt });
}

/**
 * Lets go of a leased slot, and says when it is due. Where somebody has asked for a look meanwhile, or another worker has it, the time that
 * they have set stays.
 * @returns undefined then, and when its state is another: nothing of `patch` was written.
 */
export function dueAt(
  { store }: Services,
  { id, state, nextCheckAt: leased }: Upload,
  nextCheckAt: number,
  patch: UploadPatch = {},
  messages?: Parameters<Services['store']['uploads']['update']>[4],
): Promise<Upload | undefined> {
  return store.uploads.update(id, [state], { ...patch, nextCheckAt }, { nextCheckAt: leased }, messages);
}
