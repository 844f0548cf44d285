import { PartnerError, S3Refusal, Unreachable } from './errors.ts';
import type { Meter } from './meter.ts';
import type { PartRequest } from './model.ts';
import { PartRequests } from './part-requests.ts';
import { Patience } from './retry.ts';
import type { ServiceClient } from './service.ts';
import type { Sendable } from './sendable.ts';

export interface SendPartsOptions {
  /** Bytes of each part but the last. */
  readonly partSize: number;
  /** How many parts at once. */
  readonly parallel: number;
  readonly meter: Meter;
  readonly signal: AbortSignal | undefined;
}

/** One call for requests gives enough for each worker to have the next one at hand. */
const LOTS_AHEAD = 2;
const MOST_IN_A_LOT = 100;

/**
 * Sends these parts, several at once, each of them again where that may help. When one fails for good the others are stopped.
 * @throws UploadGone, ServiceProblem, Unreachable, S3Refusal, FileChanged or FileUnusable; an `AbortError`.
 */
export async function sendParts(
  service: ServiceClient,
  id: string,
  parts: readonly number[],
  source: Sendable,
  { partSize, parallel, meter, signal }: SendPartsOptions,
): Promise<void> {
  const stopping = new AbortController();
  const stop = signal === undefined ? stopping.signal : AbortSignal.any([signal, stopping.signal]);
  const lot = Math.min(MOST_IN_A_LOT, parallel * LOTS_AHEAD);
  const requests = new PartRequests(service, id, parts, lot, stop);
  const worker = async (): Promise<void> => {
    for (;;) {
      const request = await requests.next();
      if (request === undefined) return;
      await sendPart(service, requests, request, source, partSize, meter, stop);
    }
  };
  const failures: unknown[] = [];
  const workers = Array.from({ length: Math.min(parallel, parts.length) }, () =>
    worker().catch((error: unknown) => {
      failures.push(error);
      stopping.abort();
    }),
  );
  await Promise.all(workers);
  signal?.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}

async function sendPart(
  service: ServiceClient,
  requests: PartRequests,
  first: PartRequest,
  source: Sendable,
  partSize: number,
  meter: Meter,
  signal: AbortSignal,
): Promise<void> {
  const patience = new Patience(service.retry, signal);
  const { partNumber, size } = first;
  let request = first;
  let refreshed = false;
  for (;;) {
    try {
      // It may have waited long for its turn.
      if (hasEnded(request)) request = await requests.fresh(partNumber);
      const onSent = (bytes: number): void => meter.moved(partNumber, bytes);
      await source.put(request, (partNumber - 1) * partSize, size, { signal, onSent });
      meter.finished(partNumber, size);
      return;
    } catch (error) {
      meter.failed(partNumber);
      signal.throwIfAborted();
      // Those of the service have been tried again already.
      if (!(error instanceof S3Refusal || (error instanceof Unreachable && error.peer === 'S3'))) throw error;
      if (error instanceof S3Refusal && error.s3Code === 'NoSuchUpload') throw new UploadGone(error);
      if (error instanceof S3Refusal && error.status === 403 && !refreshed) {
        refreshed = true;
        request = await requests.fresh(partNumber);
        continue;
      }
      await patience.afterFailure(error);
    }
  }
}

function hasEnded({ expiresAt }: PartRequest): boolean {
  return Date.parse(expiresAt) <= Date.now();
}

/** S3 has no such multipart upload any more: somebody has completed it, or it was aborted. The service can tell. */
export class UploadGone extends PartnerError {
  override readonly name = 'UploadGone';
  readonly code = 'upload_gone';
  readonly passing = false;

  constructor(cause: unknown) {
    super('S3 has no such multipart upload any more.', { cause });
  }
}
