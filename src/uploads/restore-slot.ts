import { KeyNotMine, KeyRefused } from '../custody/errors.ts';
import type { CustomerKey } from '../custody/customer-key.ts';
import type { ExportedKey } from '../custody/key-export.ts';
import { DependencyUnavailable } from '../errors.ts';
import type { StoredKey } from '../store/port.ts';
import {
  carriesOther,
  inOtherBucket,
  isImported,
  misplaced,
  takenByOther,
} from './restore-slot/ownership.ts';
import { isListed } from './adopt.ts';
import { placeOf, targetOf, type Services } from './services.ts';
import { kinOf } from './slot-ids.ts';
import type { Upload } from './upload.ts';
import { isUnder } from './verify.ts';

export type Restoration =
  | { readonly kind: 'restored' | 'restorable' | 'already' }
  | {
      readonly kind:
        | 'incomplete'
        | 'not_configured'
        | 'misplaced'
        | 'absent'
        | 'wrong_key'
        | 'not_sse_c'
        | 'not_listed'
        | 'conflict';
      readonly detail: string;
    };

export type Refused = Extract<Restoration, { detail: string }>;

/**
 * A slot from all the generations of its key that a file of keys has: proof by S3 → each key wrapped anew in its place → one commit.
 * Repeatable. Whoever knows a recipient can make such a file, so of whose the object is nothing is believed but its name, the configuration
 * and S3's answers.
 * @param dryRun all but wrapping and commit; what would be restored is `restorable`.
 * @throws DependencyUnavailable when S3 says neither yes nor no, or the store or the wrapper does not answer; nothing was stored.
 * @throws KeyRefused, KeyNotMine when the current wrapper may not wrap.
 */
export async function restoreSlot(
  services: Services,
  keys: readonly ExportedKey[],
  dryRun: boolean,
): Promise<Restoration> {
  const found = assemble(keys);
  if ('kind' in found) return found;
  const { upload, current } = found;
  const problem = notConfigured(services, upload) ?? misplaced(upload);
  if (problem !== undefined) return problem;

  const compared = await compareWithSlot(services, upload, current.key);
  if (compared !== undefined) return compared;
  const owned = inOtherBucket(services, upload) ?? (await takenByOther(services, upload));
  if (owned !== undefined) return owned;
  const refused = await prove(services, upload, current.key);
  const next = keys.find(({ generation }) => generation === upload.nextGeneration);
  // A re-key may have moved the object without having said so.
  const isMoved =
    refused?.kind === 'wrong_key' &&
    next !== undefined &&
    (await prove(services, { ...upload, versionId: null }, next.key)) === undefined;
  if (refused !== undefined && !isMoved) return refused;

  if (dryRun) return { kind: 'restorable' };
  const stored = await Promise.all(keys.map((key) => wrapAnew(services, upload, key)));
  if (await services.store.keys.restore(upload, stored, kinOf(upload))) return { kind: 'restored' };
  const winner = await compareWithSlot(services, upload, current.key);
  return winner ?? conflict('another upload has this id, or this bucket and object key');
}

/** A slot may have changed while its lines were written: the newest line that calls itself current tells of it. */
function assemble(keys: readonly ExportedKey[]): { upload: Upload; current: ExportedKey } | Refused {
  const current = keys.findLast(({ standing }) => standing === 'current');
  if (current === undefined) {
    return { kind: 'incomplete', detail: 'the key that opens its object now is not in the file' };
  }
  const generations = new Set(keys.map(({ generation }) => generation));
  const isOne = keys.every(({ slot }) => isSamePlace(slot, current.slot));
  if (!isOne || generations.size !== keys.length) {
    return { kind: 'incomplete', detail: 'its lines are not of one object, or name a generation twice' };
  }
  const next = keys.find(
    ({ standing, generation }) => standing === 'next' && generation > current.generation,
  );
  const { slot, generation, versionId } = current;
  const nextGeneration = next?.generation ?? null;
  return {
    upload: { ...slot, generation, nextGeneration, versionId, deletedAt: null, forgottenAt: null },
    current,
  };
}

function isSamePlace(one: ExportedKey['slot'], other: ExportedKey['slot']): boolean {
  return one.tenant === other.tenant && one.bucket === other.bucket && one.objectKey === other.objectKey;
}

function notConfigured({ config, targets }: Services, { tenant, target }: Upload): Refused | undefined {
  if (!Object.hasOwn(config.tenants, tenant)) {
    return { kind: 'not_configured', detail: `the tenant "${tenant}" is not in the configuration` };
  }
  if (targets.has(target)) return undefined;
  return { kind: 'not_configured', detail: `the S3 target "${target}" is not in the configuration` };
}

/** What is to be said when the slot is there; `undefined` when it is not. A destroyed key is never brought back. */
async function compareWithSlot(
  { store, wrapper }: Services,
  upload: Upload,
  key: CustomerKey,
): Promise<Restoration | undefined> {
  const slot = await store.uploads.get(upload.tenant, upload.id);
  if (slot === undefined) return undefined;
  if (!isSamePlace(slot, upload)) return conflict('the upload with its id is of another object');
  const there = await store.keys.get(slot.id, upload.generation);
  if (there === undefined) {
    return conflict(
      `the store has no generation ${upload.generation} of its key any more; it is ${slot.state}`,
    );
  }
  try {
    const stored = await wrapper.unwrap(there.wrapped, placeOf(slot, there.generation));
    return stored.equals(key) ? { kind: 'already' } : conflict('the store has another key');
  } catch (error) {
    if (!(error instanceof KeyNotMine || error instanceof KeyRefused)) throw error;
    return conflict('the key in the store cannot be opened to compare');
  }
}

/** @returns undefined when it may be stored: S3 names SSE-C and this key, or there is nothing yet for which the key has to be kept. */
async function prove(services: Services, upload: Upload, key: CustomerKey): Promise<Refused | undefined> {
  const { objects } = targetOf(services, upload.target);
  const { bucket, objectKey, versionId } = upload;
  const answer = await objects.head(bucket, objectKey, key, versionId ?? undefined);
  if (answer.kind === 'absent') {
    if (mayStillArrive(upload) && (await isNothingThere(services, upload))) return undefined;
    return { kind: 'absent', detail: `it is ${upload.state}, and S3 has no such object, version or bucket` };
  }
  if (answer.kind === 'unknown') {
    const { status, code } = answer;
    if (status !== 400 && status !== 403) {
      throw new DependencyUnavailable('s3', undefined, `S3 answered ${status} (${code}).`);
    }
    const detail = `S3 refuses this key (${status}): it is not the object's, or the service may not read the object`;
    return { kind: 'wrong_key', detail };
  }
  if (!isUnder(answer.object, key)) {
    return { kind: 'not_sse_c', detail: 'S3 finds the object, but does not say that it is under this key' };
  }
  if (await isListed(objects, upload, answer.object)) {
    return carriesOther(services, upload, answer.object);
  }
  return {
    kind: 'not_listed',
    detail: 'S3 finds the object, but lists it under another name, or not at all',
  };
}

/** URLs may be out for it, or have been used by a PUT that is not finished. Nobody was given one for an imported object. */
function mayStillArrive(upload: Upload): boolean {
  return !isImported(upload) && ['issued', 'expired', 'deleting'].includes(upload.state);
}

/** Not only the version that the file names: what is `deleting` has every version removed. */
async function isNothingThere(services: Services, { target, bucket, objectKey }: Upload): Promise<boolean> {
  const { versions } = await targetOf(services, target).objects.remains(bucket, objectKey);
  return versions.length === 0;
}

/** Without a note of a copy in tags: what that is wrapped by may be gone, and a copy is written anew where none is noted. */
async function wrapAnew(
  { wrapper, observer }: Services,
  upload: Upload,
  { generation, versionId, key }: ExportedKey,
): Promise<StoredKey> {
  const wrapped = await observer.timed('wrap', () => wrapper.wrap(key, placeOf(upload, generation)));
  // The version that the current generation opens stands in the slot.
  return { generation, versionId: generation === upload.generation ? null : versionId, wrapped, copy: null };
}

function conflict(detail: string): Refused {
  return { kind: 'conflict', detail };
}
