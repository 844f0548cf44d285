import { randomUUID } from 'node:crypto';
import { asksFor, firstAllowed, type UploadMethod } from '../asks.ts';
import { complete } from '../complete.ts';
import { deliverParts } from '../deliver-parts.ts';
import { deliverPut } from '../deliver-put.ts';
import { FileChanged, hasCode, S3Refusal } from '../errors.ts';
import { idempotencyKey } from './idempotency.ts';
import { sha256Of } from './local-file.ts';
import { Meter, type UploadProgress } from '../meter.ts';
import type { Slot, SlotWithRequest, UploadAsk, UploadRequest } from '../model.ts';
import { Patience } from '../retry.ts';
import type { ServiceClient } from '../service.ts';
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

const PARALLEL_PARTS = 4;

/** Each one that came to nothing within 24 hours (deleted, rejected, expired) costs a call. */
const MOST_ATTEMPTS = 50;

/** How often S3 may give up an upload in parts and have all of it sent again. */
const MOST_RESTARTS = 3;

/**
 * Uploads a source, and only once however often it is called within 24 hours: hash, slot, PUT or parts, complete.
 * @throws ServiceProblem, Unreachable, S3Refusal, FileChanged or FileUnusable, when trying again has not helped; an `AbortError`.
 */
export async function uploadSource(
  service: ServiceClient,
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
  const restarts: unknown[] = [];
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const create = (ask: UploadAsk): Promise<SlotWithRequest> =>
      service.create(ask, idempotencyKey(service.endpoint, identity, ask, attempt, sha256), signal);
    const slot = await unlessUseless(() => firstAllowed(asks, create), 'upload_deleted');
    if (slot === undefined) continue;
    const verified = slot.sha256 === sha256;
    if (slot.state === 'uploaded') return { outcome: 'already', slot: plain(slot), sha256, verified };
    if (slot.request === undefined) {
      const late = slot.state === 'expired' ? await arrivedLate(service, slot, signal) : undefined;
      if (late !== undefined) return { outcome: 'already', slot: late, sha256, verified };
      continue;
    }
    try {
      const done = await deliver(service, slot, slot.request, source, meter, options);
      if (done !== undefined) return { ...done, sha256, verified };
    } catch (error) {
      if (options.sha256 !== undefined && isOtherBytes(error)) {
        throw new FileChanged('The sha256 that was given is not that of the source.', { cause: error.cause });
      }
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
  source: Source,
  meter: Meter,
  { parallelParts: parallel = PARALLEL_PARTS, signal }: SourceOptions,
): Promise<Pick<Uploaded, 'outcome' | 'slot'> | undefined> {
  // In an object, as the callback sets it too.
  const bytes = { sent: false };
  try {
    if (request.method === 'multipart') {
      const onSending = (): boolean => (bytes.sent = true);
      const slot = await deliverParts(service, id, request, source, { parallel, meter, signal, onSending });
      return { outcome: bytes.sent ? 'uploaded' : 'already', slot };
    }
    bytes.sent = await deliverPut(service, id, request, source, { meter, signal });
    const slot = await complete(service, id, new Patience(service.retry, signal), signal);
    return { outcome: bytes.sent ? 'uploaded' : 'already', slot };
  } catch (error) {
    // What lay there before is not this source. Had it been sent just now, another try would end the same way.
    if (!bytes.sent && hasCode(error, 'mismatch')) return undefined;
    throw error;
  }
}

/** S3 has compared what arrived, and not the reading of it gone wrong. */
function isOtherBytes(error: unknown): error is FileChanged {
  return error instanceof FileChanged && error.cause instanceof S3Refusal;
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
