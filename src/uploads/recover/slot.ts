import type { StoredKey } from '../../store/port.ts';
import { filenameIn } from '../adopt.ts';
import { UNANNOUNCED, UNTOUCHED, type Upload } from '../upload.ts';
import type { ProvenVersion } from './version.ts';

/** `Principal.id` of no caller: those begin with `key:` or `jwt:`. So nobody is given a request for a recovered slot. */
const PRINCIPAL = 'recovered';

/** No URL that S3 takes lives longer. */
const LONGEST_URL_MS = 604_800_000;

/** What S3 shows of a slot: the rest is lost with the store. */
export function recoveredSlot(
  place: { readonly target: string; readonly bucket: string; readonly objectKey: string },
  { version, copy, facts, isSpoilt }: ProvenVersion,
  now: number,
): Upload {
  const madeAt = timeOf(copy.slot);
  const isAdopted = madeAt === 0;
  return {
    id: copy.slot,
    tenant: copy.tenant,
    principal: PRINCIPAL,
    ...UNTOUCHED,
    ...UNANNOUNCED,
    // An adopted object was taken as it was.
    state: isSpoilt && !isAdopted ? 'rejected' : 'uploaded',
    target: place.target,
    bucket: place.bucket,
    objectKey: place.objectKey,
    filename: filenameIn(place.objectKey),
    contentType: facts.contentType ?? 'application/octet-stream',
    size: facts.size,
    sha256: facts.sha256,
    metadata: facts.metadata,
    expiresInSeconds: 0,
    createdAt: isAdopted ? version.modifiedAt : madeAt,
    expiresAt: version.modifiedAt,
    // When its last URL ends is lost: one may have been given just before the store was.
    urlEndsAt: now + LONGEST_URL_MS,
    uploadedAt: version.modifiedAt,
    etag: facts.etag,
    versionId: version.versionId,
    generation: copy.generation,
    nextCheckAt: null,
  };
}

/**
 * One key a generation, oldest first: of several versions under one generation the newest counts.
 * @param proven the newest first.
 * @param current the slot's generation.
 */
export function recoveredKeys(proven: readonly ProvenVersion[], current: number): StoredKey[] {
  const keys = new Map<number, StoredKey>();
  for (const { copy, version } of proven) {
    const { generation, wrapped } = copy;
    const { wrapperId, kekId } = wrapped;
    if (keys.has(generation)) continue;
    // The version of the current generation stands in the slot.
    const versionId = generation === current ? null : version.versionId;
    keys.set(generation, { generation, versionId, wrapped, copy: { wrapperId, kekId, isStale: false } });
  }
  return [...keys.values()].toSorted((a, b) => a.generation - b.generation);
}

/** A UUIDv7 begins with its time; that of an adopted slot is 0. */
function timeOf(id: string): number {
  return Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
}
