import { complete, missingPartsOf } from './complete.ts';
import { hasCode } from './errors.ts';
import type { Meter } from './meter.ts';
import type { Part, PartsRequest, Slot } from './model.ts';
import { Patience } from './retry.ts';
import { sendParts, UploadGone } from './send-parts.ts';
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
  request: PartsRequest,
  source: Sendable,
  { parallel, meter, signal, onStep }: DeliverPartsOptions,
): Promise<Slot> {
  const { partSize } = request;
  const patience = new Patience(service.retry, signal);
  let sent = false;
  /** What `complete` misses although S3 lists it. */
  let disputed: readonly number[] = [];
  for (;;) {
    const listed = await partsAt(service, id, signal);
    const missing = listed === undefined ? [] : missingOf(request, source.size, listed.parts);
    if (listed !== undefined) {
      const there = missing.reduce((left, part) => left - sizeOf(part, partSize, source.size), source.size);
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
        if (!(error instanceof UploadGone) && !hasCode(error, 'state_conflict', 'restart_needed'))
          throw error;
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
      if (named === undefined) throw error;
      if (hasCode(closed, 'state_conflict')) throw closed;
      if (!hasCode(error, 'not_arrived') || !(await patience.afterRefusal(error.retryAfterSeconds)))
        throw error;
      // A part that was just being sent again is missing for a moment; only what stays missing is sent.
      disputed = todo.length === 0 ? named : [];
    }
  }
}

/** @returns undefined when S3 or the service lists no parts any more. */
async function partsAt(
  service: ServiceClient,
  id: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly parts: Part[] } | undefined> {
  try {
    return { parts: await service.parts(id, signal) };
  } catch (error) {
    // The last one: the slot has just expired, and the token may not read any slot.
    if (hasCode(error, 'restart_needed', 'state_conflict', 'insufficient_scope')) return undefined;
    throw error;
  }
}

/** A part of another size is none. */
function missingOf({ partCount, partSize }: PartsRequest, size: number, parts: readonly Part[]): number[] {
  const sizes = new Map(parts.map((part) => [part.partNumber, part.size]));
  return Array.from({ length: partCount }, (_, index) => index + 1).filter(
    (part) => sizes.get(part) !== sizeOf(part, partSize, size),
  );
}

function sizeOf(partNumber: number, partSize: number, size: number): number {
  return Math.min(partSize, size - (partNumber - 1) * partSize);
}
