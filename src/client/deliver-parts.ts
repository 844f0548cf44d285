import { complete, missingPartsOf } from './complete.ts';
import { hasCode, S3Refusal, unlessCode } from './errors.ts';
import type { Meter } from './meter.ts';
import type { PartsRequest, Slot } from './model.ts';
import { Patience } from './retry.ts';
import { sendParts } from './send-parts.ts';
import type { ServiceClient } from './service.ts';
import type { Sendable } from './sendable.ts';

/** What an upload is at. */
export type UploadStep = 'uploading' | 'completing';

export interface DeliverPartsOptions {
  /** How many parts at once. */
  readonly parallel: number;
  readonly meter: Meter;
  readonly signal: AbortSignal | undefined;
  /** Called before bytes are sent, if any are needed, and before the service is asked to put them together. */
  readonly onStep: (step: UploadStep) => void;
}

/**
 * Brings an upload in parts to its end, wherever it stands: sends what S3 does not have, and has the service put it together. Not told by
 * the slot but by S3's own list, so that another process or another device can go on.
 * @throws ServiceProblem, with `restart_needed` or `state_conflict` when only a new slot helps; and as `sendParts` does.
 */
export async function deliverParts(
  service: ServiceClient,
  id: string,
  { partCount, partSize }: PartsRequest,
  source: Sendable,
  { parallel, meter, signal, onStep }: DeliverPartsOptions,
): Promise<Slot> {
  const patience = new Patience(service.retry, signal);
  let sent = false;
  /** What `complete` misses although S3 lists it. */
  let disputed: readonly number[] = [];
  for (;;) {
    // The last one: the slot has just expired, and the token may not read any slot.
    const codes = ['restart_needed', 'state_conflict', 'insufficient_scope'];
    const listed = await unlessCode(service.parts(id, signal), ...codes);
    const missing: number[] = [];
    if (listed) {
      const sizes = new Map(listed.map(({ partNumber, size }) => [partNumber, size]));
      let there = 0;
      for (let part = 1; part <= partCount; part += 1) {
        const size = Math.min(partSize, source.size - (part - 1) * partSize);
        // A part of another size is none.
        if (sizes.get(part) === size) there += size;
        else missing.push(part);
      }
      meter.listed(there, sent);
    }
    const todo = missing.length > 0 ? missing : disputed;
    let closed: unknown;
    if (todo.length > 0) {
      onStep('uploading');
      sent = true;
      try {
        await sendParts(service, id, todo, source, { partSize, parallel, meter, signal });
      } catch (error) {
        // Somebody else may have completed it, or its time is over: `complete` tells which.
        // S3 has no such upload any more.
        const isGone = error instanceof S3Refusal && error.s3Code === 'NoSuchUpload';
        if (!isGone && !hasCode(error, 'state_conflict', 'restart_needed')) throw error;
        closed = error;
      }
    }
    // Where nobody compares the whole, parts of two contents would pass unnoticed.
    await source.requireUnchanged();
    onStep('completing');
    try {
      return await complete(service, id, patience, signal);
    } catch (error) {
      const named = missingPartsOf(error);
      if (!named) throw error;
      if (hasCode(closed, 'state_conflict')) throw closed;
      if (!(await patience.afterRefusal(error))) throw error;
      // A part that was just being sent again is missing for a moment; only what stays missing is sent.
      disputed = todo.length === 0 ? named : [];
    }
  }
}
