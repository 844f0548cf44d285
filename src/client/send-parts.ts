import type { Meter } from './meter.ts';
import type { PartRequest } from './model.ts';
import { hasEnded, sendBody } from './send-body.ts';
import type { Sendable } from './sendable.ts';
import type { ServiceClient } from './service.ts';

export interface SendPartsOptions {
  /** Bytes of each part but the last. */
  readonly partSize: number;
  /** How many parts at once. */
  readonly parallel: number;
  readonly meter: Meter;
  readonly signal: AbortSignal | undefined;
}

/**
 * Sends these parts, several at once, each of them again where that may help. When one fails for good the others are stopped.
 * @throws ServiceProblem, Unreachable, S3Refusal (`NoSuchUpload`: somebody has completed or aborted it), FileChanged or FileUnusable; an
 * `AbortError`.
 */
export async function sendParts(
  service: ServiceClient,
  id: string,
  parts: readonly number[],
  source: Sendable,
  { partSize, parallel, meter, signal: ending }: SendPartsOptions,
): Promise<void> {
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, ending ?? stopping.signal]);
  const left = [...parts];
  let ready: PartRequest[] = [];
  let turn = Promise.resolve<PartRequest | undefined>(undefined);
  // One call for requests gives each worker this many: their URLs end, so they are asked for shortly before they are needed.
  const lotsAhead = 2;
  const mostInALot = 100;
  /** One after the other: the first of those that wait asks for all. */
  const next = (): Promise<PartRequest | undefined> =>
    (turn = turn.then(async () => {
      if (ready.length === 0 && left.length > 0) {
        const lot = left.splice(0, Math.min(mostInALot, parallel * lotsAhead));
        ready = await service.requestParts(id, lot, signal);
      }
      return ready.shift();
    }));
  const worker = async (): Promise<void> => {
    for (;;) {
      const request = await next();
      if (!request) return;
      const { partNumber: number, size } = request;
      const fresh = async (): Promise<PartRequest> =>
        (await service.requestParts(id, [number], signal))[0] as PartRequest;
      // It may have waited long for its turn.
      await sendBody(source, hasEnded(request) ? await fresh() : request, {
        ...{ number, from: (number - 1) * partSize, size, fresh },
        ...{ retry: service.retry, meter, signal },
      });
    }
  };
  const workers = Array.from({ length: Math.min(parallel, parts.length) }, worker);
  try {
    await Promise.all(workers);
  } catch (error) {
    stopping.abort();
    await Promise.allSettled(workers);
    ending?.throwIfAborted();
    throw error;
  }
}
