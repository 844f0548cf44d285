import { complete } from './complete.ts';
import { deliverParts, type UploadStep } from './deliver-parts.ts';
import { hasCode, unlessCode } from './errors.ts';
import type { Meter } from './meter.ts';
import type { SignedRequest, Slot, SlotWithRequest } from './model.ts';
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
  const { create, meter, parallelParts: parallel = PARALLEL_PARTS, signal, onStep } = options;
  const { retry } = service;
  let restarts = 0;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const created = await unlessCode(create(attempt), 'upload_deleted');
    if (!created) continue;
    // The caller gets no request, which holds the customer key.
    const { request, ...slot } = created;
    if (slot.state === 'uploaded') return { outcome: 'already', slot };
    if (!request) continue;
    const { id } = slot;
    const isInParts = request.method === 'multipart';
    let isOurs = false;
    const end = (slot: Slot): RunResult => ({ outcome: isOurs ? 'uploaded' : 'already', slot });
    const step = (now: UploadStep): void => {
      isOurs ||= isInParts && now === 'uploading';
      onStep?.(now);
    };
    try {
      if (isInParts) {
        const options = { parallel, meter, signal, onStep: step };
        return end(await deliverParts(service, id, request, source, options));
      }
      step('uploading');
      isOurs = await sendBody(source, request, {
        ...{ number: 1, from: 0, size: source.size, retry, meter, signal },
        fresh: async () => (await service.request(id, signal)).request as SignedRequest,
      });
      step('completing');
      return end(await complete(service, id, new Patience(retry, signal), signal));
    } catch (error) {
      // What lay there before is not this source. Had it been sent just now, another try would end the same way.
      if (!isOurs && hasCode(error, 'mismatch')) continue;
      // S3 or the service has given the parts up, whoever is to blame: all of them have to go into another slot.
      const isRestart = isInParts && hasCode(error, 'restart_needed', 'state_conflict');
      if (!isRestart || (restarts += 1) > MOST_RESTARTS) throw error;
      await source.requireUnchanged();
    }
  }
  throw new Error('No slot came to anything.');
}
