import { complete } from './complete.ts';
import { deliverParts, type UploadStep } from './deliver-parts.ts';
import { deliverPut } from './deliver-put.ts';
import { hasCode } from './errors.ts';
import type { Meter } from './meter.ts';
import type { Slot, SlotWithRequest, UploadRequest } from './model.ts';
import { Patience } from './retry.ts';
import type { Sendable } from './sendable.ts';
import type { ServiceClient } from './service.ts';

export interface RunOptions {
  /**
   * Asks for a slot; the same attempt gives the same one.
   * @param attempt counts the slots that came to nothing: deleted, rejected, expired.
   */
  readonly create: (attempt: number) => Promise<SlotWithRequest>;
  readonly meter: Meter;
  /** How many parts at once; by default 4. */
  readonly parallelParts?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: UploadStep) => void) | undefined;
}

export interface RunResult {
  /** `already`: the object was there, and none of this call's bytes were needed. */
  readonly outcome: 'uploaded' | 'already';
  /** As the service sees it now: `uploaded`. */
  readonly slot: Slot;
  /** base64, as it was announced; undefined when none was. */
  readonly announced: string | undefined;
}

const PARALLEL_PARTS = 4;

/** Each one that came to nothing within 24 hours (deleted, rejected, expired) costs a call. */
const MOST_ATTEMPTS = 50;

/** How often S3 may give up an upload in parts and have all of it sent again. */
const MOST_RESTARTS = 3;

/**
 * Brings an upload to its end, wherever it stands: slot, PUT or parts, complete.
 * @throws ServiceProblem, Unreachable, S3Refusal, FileChanged or FileUnusable, when trying again has not helped; an `AbortError`.
 */
export async function runUpload(
  service: ServiceClient,
  source: Sendable,
  options: RunOptions,
): Promise<RunResult> {
  const { create, signal } = options;
  const restarts: unknown[] = [];
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const slot = await unlessUseless(() => create(attempt), 'upload_deleted');
    if (slot === undefined) continue;
    const announced = slot.sha256;
    if (slot.state === 'uploaded') return { outcome: 'already', slot: plain(slot), announced };
    if (slot.request === undefined) {
      const late = slot.state === 'expired' ? await arrivedLate(service, slot, signal) : undefined;
      if (late !== undefined) return { outcome: 'already', slot: late, announced };
      continue;
    }
    try {
      const done = await deliver(service, slot, slot.request, source, options);
      if (done !== undefined) return { ...done, announced };
    } catch (error) {
      if (!isRestart(error, slot.request) || restarts.push(error) > MOST_RESTARTS) throw error;
      await source.requireUnchanged();
    }
  }
  throw new Error(`${MOST_ATTEMPTS} slots for this file have come to nothing within 24 hours`);
}

/** Sends what is missing and has the service look. @returns undefined when what lay there already is not this. */
async function deliver(
  service: ServiceClient,
  { id }: Slot,
  request: UploadRequest,
  source: Sendable,
  { meter, parallelParts: parallel = PARALLEL_PARTS, signal, onStep }: RunOptions,
): Promise<Omit<RunResult, 'announced'> | undefined> {
  // In an object, as the callback sets it too.
  const bytes = { sent: false };
  try {
    if (request.method === 'multipart') {
      const slot = await deliverParts(service, id, request, source, {
        ...{ parallel, meter, signal },
        onStep(step) {
          bytes.sent ||= step === 'uploading';
          onStep?.(step);
        },
      });
      return { outcome: bytes.sent ? 'uploaded' : 'already', slot };
    }
    onStep?.('uploading');
    bytes.sent = await deliverPut(service, id, request, source, { meter, signal });
    onStep?.('completing');
    const slot = await complete(service, id, new Patience(service.retry, signal), signal);
    return { outcome: bytes.sent ? 'uploaded' : 'already', slot };
  } catch (error) {
    // What lay there before is not this source. Had it been sent just now, another try would end the same way.
    if (!bytes.sent && hasCode(error, 'mismatch')) return undefined;
    throw error;
  }
}

/** S3 or the service has given the parts up, whoever is to blame: all of them have to go into another slot. */
function isRestart(error: unknown, { method }: UploadRequest): boolean {
  return method === 'multipart' && hasCode(error, 'restart_needed', 'state_conflict');
}

/** It may have arrived at the last moment, and then counts. */
function arrivedLate(
  service: ServiceClient,
  { id }: Slot,
  signal: AbortSignal | undefined,
): Promise<Slot | undefined> {
  return unlessUseless(
    () => completeAtOnce(service, id, signal),
    ...['not_arrived', 'state_conflict', 'mismatch', 'upload_deleted', 'restart_needed'],
  );
}

/** Waits for what is being put together, not for what has not arrived. */
async function completeAtOnce(
  service: ServiceClient,
  id: string,
  signal: AbortSignal | undefined,
): Promise<Slot> {
  return complete(service, id, new Patience({ ...service.retry, tries: 1 }, signal), signal);
}

async function unlessUseless<T>(work: () => Promise<T>, ...codes: readonly string[]): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (hasCode(error, ...codes)) return undefined;
    throw error;
  }
}

/** Without the request, which holds the customer key. */
function plain(slot: SlotWithRequest): Slot {
  const { request, ...rest } = slot;
  return request === undefined ? slot : rest;
}
