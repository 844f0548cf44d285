import type { CustomerKey } from '../custody/customer-key.ts';
import { StateConflict, UploadMismatch, type Mismatch } from '../errors.ts';
import type { ListedPart } from '../s3/port.ts';
import { alone } from './alone.ts';
import { customerKeyOf } from './customer-key-of.ts';
import { partCountOf, sizeOfPart } from './part-sizes.ts';
import { announcedAlgorithm, multipartUploadOf } from './parts.ts';
import { targetOf, type Services } from './services.ts';
import { reject, settle } from './settle.ts';
import type { Upload } from './upload.ts';
import { askS3 } from './verify.ts';
import { contentMismatches } from './verify-content.ts';

/** Longer than S3 takes to put an object together, and than we wait for it. */
const WRITES_MS = 3_600_000;

/** What came of an attempt to bring a slot to its end. */
export type Finish =
  | { readonly kind: 'settled'; readonly upload: Upload }
  | { readonly kind: 'absent' }
  /** Parts are missing, or not of their size; none is named where only a new look can tell. */
  | { readonly kind: 'incomplete'; readonly missing: readonly number[] }
  /** No object, and S3 will never make one of what was sent. */
  | { readonly kind: 'hopeless'; readonly why: string }
  | { readonly kind: 'unknown'; readonly status: number; readonly code: string };

/**
 * Asks S3 whether the object is there as announced, and settles the slot. A multipart upload whose parts are all there is put together
 * first. May take minutes: see `LongSteps`.
 * @throws StillCompleting when another replica puts it together.
 */
export async function finish(services: Services, upload: Upload): Promise<Finish> {
  const work = () => finishNow(services, upload);
  return upload.method === 'multipart' ? alone(services, `finish ${upload.id}`, work) : work();
}

async function finishNow(services: Services, upload: Upload): Promise<Finish> {
  const key = await customerKeyOf(services, upload);
  const assembled = upload.method === 'multipart' ? await assemble(services, upload, key) : undefined;
  if (assembled?.kind === 'incomplete') return assembled;
  if (assembled?.kind === 'differs') {
    // Its parts are of no use to anybody; DELETE finds them where this fails.
    await abort(services, upload).catch(() => undefined);
    return { kind: 'settled', upload: await reject(services, upload, assembled.mismatches) };
  }
  const arrival = await askS3(services, upload, key);
  if (arrival.kind === 'unknown') return arrival;
  if (arrival.kind === 'absent') return assembled?.kind === 'hopeless' ? assembled : arrival;
  const mismatches =
    arrival.mismatches.length > 0
      ? arrival.mismatches
      : await contentMismatches(services, upload, key, arrival.object);
  return { kind: 'settled', upload: await settle(services, upload, { ...arrival, mismatches }) };
}

/** @throws UploadMismatch when the slot is `rejected`. */
export function requireUploaded(upload: Upload): Upload {
  if (upload.state === 'rejected') throw new UploadMismatch(upload.mismatches ?? []);
  return upload;
}

type Assembled =
  | { readonly kind: 'incomplete'; readonly missing: readonly number[] }
  | { readonly kind: 'differs'; readonly mismatches: readonly Mismatch[] }
  /** There may be an object; if there is none, there never will be. */
  | { readonly kind: 'hopeless'; readonly why: string };

/** @returns undefined when S3 says that it has made the object, or has one already. */
async function assemble(
  services: Services,
  upload: Upload,
  key: CustomerKey,
): Promise<Assembled | undefined> {
  const begun = multipartUploadOf(upload);
  if (begun === undefined) return { kind: 'incomplete', missing: missingParts(upload, []) };
  const { multipart } = targetOf(services, upload.target);
  const parts = await services.observer.timed('s3', () => multipart.parts(begun, key));
  if (parts === undefined) return { kind: 'hopeless', why: 'S3 has no such multipart upload any more' };
  const missing = missingParts(upload, parts);
  if (missing.length > 0) return { kind: 'incomplete', missing };

  await announceWrite(services, upload);
  const checksum = announcedChecksum(upload);
  const wanted = parts.filter(({ partNumber }) => partNumber <= partCountOf(upload));
  const completion = await services.observer.timed('s3', () =>
    multipart.complete(begun, key, wanted, checksum),
  );
  switch (completion.kind) {
    case 'done':
      return undefined;
    case 'exists':
      // What is left of this one can never become an object; DELETE finds it where this fails.
      await abort(services, upload).catch(() => undefined);
      return undefined;
    case 'gone':
      return { kind: 'hopeless', why: 'S3 has no such multipart upload any more' };
    case 'conflict':
      return { kind: 'hopeless', why: 'another write came between, and S3 wants a new upload (409)' };
    case 'refused':
      return refusal(upload, completion.code);
  }
}

/** As long as S3 may be at work for us, a DELETE waits for what it makes as it waits for URLs (invariant 3). */
async function announceWrite(services: Services, { id }: Upload): Promise<void> {
  const urlEndsAt = services.now() + WRITES_MS;
  const announced = await services.store.uploads.update(id, ['issued', 'expired'], { urlEndsAt });
  if (announced === undefined) {
    throw new StateConflict('The upload changed while it was verified; get it again to see its state.');
  }
}

async function abort(services: Services, upload: Upload): Promise<void> {
  const begun = multipartUploadOf(upload);
  if (begun !== undefined) await targetOf(services, upload.target).multipart.abort(begun);
}

function refusal(upload: Upload, code: string): Assembled {
  // A part was sent again between the list and the completion: a new list tells whether one is missing.
  if (/^InvalidPart/.test(code)) return { kind: 'incomplete', missing: [] };
  const algorithm = announcedAlgorithm(upload);
  if (algorithm !== undefined && /Digest|Checksum/i.test(code)) {
    const field = algorithm === 'CRC32C' ? 'crc32c' : 'crc64nvme';
    return { kind: 'differs', mismatches: [{ field, expected: upload[field], actual: null }] };
  }
  return { kind: 'hopeless', why: `S3 refuses to put the parts together (${code})` };
}

function missingParts(upload: Upload, parts: readonly ListedPart[]): number[] {
  const sizes = new Map(parts.map(({ partNumber, size }) => [partNumber, size]));
  return Array.from({ length: partCountOf(upload) }, (_, index) => index + 1).filter(
    (partNumber) => sizes.get(partNumber) !== sizeOfPart(upload, partNumber),
  );
}

function announcedChecksum(upload: Upload) {
  const algorithm = announcedAlgorithm(upload);
  const value = upload.crc64nvme ?? upload.crc32c;
  return algorithm === undefined || value === null ? undefined : { algorithm, value };
}
