import { randomUUID } from 'node:crypto';
import { asksFor, firstAllowed, type UploadMethod } from '../asks.ts';
import { complete } from '../complete.ts';
import { FileChanged, S3Refusal, unlessCode } from '../errors.ts';
import { Meter, type UploadProgress } from '../meter.ts';
import type { Slot, SlotWithRequest } from '../model.ts';
import { Patience } from '../retry.ts';
import { runUpload } from '../run-upload.ts';
import { idempotencyKey } from './idempotency.ts';
import { sha256Of } from './local-file.ts';
import type { PartnerService } from './partner-service.ts';
import { sendable } from './put-body.ts';
import type { Source } from './source.ts';

export interface SourceOptions {
  /** What the service is told; it comes back at the download. */
  readonly filename?: string | undefined;
  readonly contentType: string;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** By default `auto`. */
  readonly method?: UploadMethod | undefined;
  /** Bytes. */
  readonly partSize?: number | undefined;
  /** How many parts at once; by default 4. */
  readonly parallelParts?: number | undefined;
  /** base64, where it is known already: the source is then not read for it. */
  readonly sha256?: string | undefined;
  /** In place of the source's own identity. */
  readonly idempotencyKey?: string | undefined;
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What came of an upload. */
export interface Uploaded {
  /** `already`: the object was there, and none of this call's bytes were needed. */
  readonly outcome: 'uploaded' | 'already';
  /** As the service sees it now: `uploaded`. */
  readonly slot: Slot;
  /** base64 of the SHA-256 of what was read here. */
  readonly sha256: string;
  /** Whether S3 or the service has compared what arrived with it. False only for parts where the tenant has no `verify: stream`. */
  readonly verified: boolean;
}

/**
 * Uploads a source, and only once however often it is called within 24 hours: hash, slot, PUT or parts, complete.
 * @throws ServiceProblem, Unreachable, S3Refusal, FileChanged or FileUnusable, when trying again has not helped; an `AbortError`.
 */
export async function uploadSource(
  service: PartnerService,
  source: Source,
  options: SourceOptions,
): Promise<Uploaded> {
  const { filename, contentType, metadata, signal } = options;
  const sha256 = options.sha256 ?? (await sha256Of(source, signal));
  const facts = {
    ...(filename !== undefined && { filename }),
    ...{ contentType, size: source.size },
    ...(metadata !== undefined && { metadata }),
  };
  const asks = asksFor(facts, sha256, options.method ?? 'auto', options.partSize);
  const identity = options.idempotencyKey ?? source.identity ?? randomUUID();
  const meter = new Meter(source.size, options.onProgress);
  try {
    let announced: string | undefined;
    const { outcome, slot } = await runUpload(service, sendable(service.transport, source), {
      async create(attempt) {
        const slot = await firstAllowed(asks, (ask) =>
          service.create(ask, idempotencyKey(service.endpoint, identity, ask, attempt, sha256), signal),
        );
        announced = slot.sha256;
        return slot.state === 'expired' ? arrivedLate(service, slot, signal) : slot;
      },
      ...{ meter, parallelParts: options.parallelParts, signal },
    });
    return { outcome, slot, sha256, verified: announced === sha256 };
  } catch (error) {
    if (options.sha256 === undefined || !isOtherBytes(error)) throw error;
    throw new FileChanged('The sha256 that was given is not that of the source.', { cause: error.cause });
  }
}

/** S3 has compared what arrived, and not the reading of it gone wrong. */
function isOtherBytes(error: unknown): error is FileChanged {
  return error instanceof FileChanged && error.cause instanceof S3Refusal;
}

/** It may have arrived at the last moment, and then counts. @returns the slot as it is now. */
async function arrivedLate(
  service: PartnerService,
  slot: SlotWithRequest,
  signal: AbortSignal | undefined,
): Promise<SlotWithRequest> {
  // Waits for what is being put together, not for what has not arrived.
  const patience = new Patience({ ...service.retry, tries: 1 }, signal);
  const late = await unlessCode(
    complete(service, slot.id, patience, signal),
    ...['not_arrived', 'state_conflict', 'mismatch', 'upload_deleted', 'restart_needed'],
  );
  return late ?? slot;
}
