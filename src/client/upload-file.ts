import { idempotencyKey } from './idempotency.ts';
import { FileChanged, S3Refusal, ServiceProblem } from './errors.ts';
import { sha256Of, type LocalFile } from './local-file.ts';
import type { SignedRequest, Slot, SlotWithRequest, UploadAsk } from './model.ts';
import { putFile } from './put-file.ts';
import { Patience } from './retry.ts';
import type { ServiceClient } from './service.ts';

export interface UploadOptions {
  /** What the service is told; it comes back at the download. */
  readonly filename: string;
  readonly contentType: string;
  readonly signal?: AbortSignal | undefined;
  /** @param bytes of the file sent so far; goes back to 0 when a try fails. */
  readonly onSent?: ((bytes: number) => void) | undefined;
}

export interface UploadedFile {
  /** `already`: the object was there, and none of this call's bytes were needed. */
  readonly outcome: 'uploaded' | 'already';
  readonly slot: Slot;
  /** base64. */
  readonly sha256: string;
}

/** Each one that came to nothing within 24 hours (deleted, rejected, expired) costs a call. */
const MOST_ATTEMPTS = 50;

/**
 * Uploads one file, and only once however often it is called within 24 hours: hash, slot, PUT, complete.
 * @throws ServiceProblem, Unreachable, S3Refusal, FileChanged or FileUnusable, when trying again has not helped; an `AbortError`.
 */
export async function uploadFile(
  service: ServiceClient,
  file: LocalFile,
  options: UploadOptions,
): Promise<UploadedFile> {
  const { filename, contentType, signal } = options;
  const sha256 = await sha256Of(file, signal);
  const ask: UploadAsk = { filename, contentType, size: file.size, sha256 };
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const slot = await createOrFind(
      service,
      ask,
      idempotencyKey(service.endpoint, file.realPath, ask, attempt),
      signal,
    );
    if (slot?.state === 'uploaded') return { outcome: 'already', slot, sha256 };
    const done = slot && (await settle(service, slot, file, options));
    if (done !== undefined) return { ...done, sha256 };
  }
  throw new Error(`${MOST_ATTEMPTS} slots for this file have come to nothing within 24 hours`);
}

/** @returns undefined when the slot of this attempt has been deleted. */
async function createOrFind(
  service: ServiceClient,
  ask: UploadAsk,
  key: string,
  signal: AbortSignal | undefined,
): Promise<SlotWithRequest | undefined> {
  try {
    return await service.create(ask, key, signal);
  } catch (error) {
    if (hasCode(error, 'upload_deleted')) return undefined;
    throw error;
  }
}

/** @returns undefined when this slot leads nowhere and the next attempt may. */
async function settle(
  service: ServiceClient,
  slot: SlotWithRequest,
  file: LocalFile,
  options: UploadOptions,
): Promise<Omit<UploadedFile, 'sha256'> | undefined> {
  if (slot.request !== undefined) {
    const outcome = await deliver(service, slot, slot.request, file, options);
    try {
      return { outcome, slot: await complete(service, slot.id, options.signal) };
    } catch (error) {
      // What lay there before is not this file. Had it been sent just now, another try would end the same way.
      if (outcome === 'already' && hasCode(error, 'mismatch')) return undefined;
      throw error;
    }
  }
  if (slot.state !== 'expired') return undefined;
  // It may have arrived at the last moment, and then counts.
  try {
    return { outcome: 'already', slot: await service.complete(slot.id, options.signal) };
  } catch (error) {
    if (hasCode(error, 'not_arrived', 'state_conflict', 'mismatch', 'upload_deleted')) return undefined;
    throw error;
  }
}

/** S3's codes for a body that is not the announced one. */
const OTHER_BODY = /Digest|Checksum|SHA256Mismatch/;

/** Sends until S3 has the object. Its 412 means that it has. */
async function deliver(
  service: ServiceClient,
  slot: Slot,
  first: SignedRequest,
  file: LocalFile,
  { signal, onSent }: UploadOptions,
): Promise<UploadedFile['outcome']> {
  const patience = new Patience(service.retry, signal);
  let request = first;
  let mayBeOurs = false;
  let refreshed = false;
  for (;;) {
    try {
      await putFile(service.transport, request, file, { signal, onSent });
      return 'uploaded';
    } catch (error) {
      signal?.throwIfAborted();
      const status = error instanceof S3Refusal ? error.status : undefined;
      if (status === 412) return mayBeOurs ? 'uploaded' : 'already';
      onSent?.(0);
      if (error instanceof S3Refusal && OTHER_BODY.test(error.s3Code)) {
        throw new FileChanged('The file changed while it was sent.', { cause: error });
      }
      if (status === 403 && !refreshed) {
        refreshed = true;
        request = await fresh(service, slot, signal);
        continue;
      }
      // A cut connection or a 5xx says nothing of what S3 did with the bytes.
      mayBeOurs ||= status === undefined || status >= 500;
      await patience.afterFailure(error);
      if (Date.parse(request.expiresAt) <= Date.now()) request = await fresh(service, slot, signal);
    }
  }
}

async function fresh(
  service: ServiceClient,
  slot: Slot,
  signal: AbortSignal | undefined,
): Promise<SignedRequest> {
  return (await service.request(slot.id, signal)).request;
}

/** What S3 has taken, it shows at once or soon. */
async function complete(service: ServiceClient, id: string, signal: AbortSignal | undefined): Promise<Slot> {
  const patience = new Patience(service.retry, signal);
  for (;;) {
    try {
      return await service.complete(id, signal);
    } catch (error) {
      const isEarly = error instanceof ServiceProblem && error.code === 'not_arrived';
      if (!isEarly || !(await patience.afterRefusal(error.retryAfterSeconds))) throw error;
    }
  }
}

function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof ServiceProblem && codes.includes(error.code);
}
