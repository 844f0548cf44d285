import { complete } from './complete.ts';
import { deliverParts, type UploadStep } from './deliver-parts.ts';
import { hasCode, unlessCode } from './errors.ts';
import type { Meter } from './meter.ts';
import type { SignedRequest, Slot, SlotWithRequest, UploadRequest } from './model.ts';
import { Patience } from './retry.ts';
import { sendBody } from './send-body.ts';
import type { Sendable } from './sendable.ts';
import type { ServiceClient } from './service.ts';

export interface RunOptions {
  /**
   * Asks for a slot; the same attempt gives the same one. It has a `request` unless it is over.
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
    const created = await unlessCode(create(attempt), 'upload_deleted');
    if (!created) continue;
    // The caller gets no request, which holds the customer key.
    const { request, ...slot } = created;
    if (slot.state === 'uploaded') return { outcome: 'already', slot };
    if (!request) continue;
    try {
      const done = await deliver(service, slot, request, source, options);
      if (done !== undefined) return done;
    } catch (error) {
      if (!isRestart(error, request) || restarts.push(error) > MOST_RESTARTS) throw error;
      await source.requireUnchanged();
    }
  }
  throw new Error(`${MOST_ATTEMPTS} slots for this file came to nothing`);
}

/** Sends what is missing and has the service look. @returns undefined when what lay there already is not this. */
async function deliver(
  service: ServiceClient,
  { id }: Slot,
  request: UploadRequest,
  source: Sendable,
  { meter, parallelParts: parallel = PARALLEL_PARTS, signal, onStep }: RunOptions,
): Promise<RunResult | undefined> {
  // In an object, as the callback sets it too.
  const bytes = { sent: false };
  const result = (slot: Slot): RunResult => ({
    outcome: bytes.sent ? 'uploaded' : 'already',
    slot,
  });
  try {
    if (request.method === 'multipart') {
      const onParts = (step: UploadStep): void => {
        bytes.sent ||= step === 'uploading';
        onStep?.(step);
      };
      return result(
        await deliverParts(service, id, request, source, { parallel, meter, signal, onStep: onParts }),
      );
    }
    onStep?.('uploading');
    bytes.sent = await sendBody(source, request, {
      ...{ number: 1, from: 0, size: source.size, retry: service.retry, meter, signal },
      fresh: async () => (await service.request(id, signal)).request as SignedRequest,
    });
    onStep?.('completing');
    return result(await complete(service, id, new Patience(service.retry, signal), signal));
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
