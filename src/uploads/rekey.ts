import type { Principal } from '../access/principal.ts';
import { CustomerKey } from '../custody/customer-key.ts';
import { DependencyUnavailable, StateConflict } from '../errors.ts';
import type { ObjectFacts } from '../s3/port.ts';
import { customerKeyOf, wrapFor } from './customer-key-of.ts';
import { findLiveUpload } from './find.ts';
import { RekeyFailed } from './rekey/errors.ts';
import { isRekeying, leaseFrom, LeaseLost, underLease } from './rekey/lease.ts';
import { findSource, findWritten, openMove, removeWritten, write, type Move } from './rekey/move.ts';
import { readWhole } from './rekey/prove.ts';
import { targetOf, type Services } from './services.ts';
import { stateAt, type Upload } from './upload.ts';

/** How a re-key ended. `given_up`: the object is as it was, under the key it had. `gone`: a DELETE came, or another worker. */
export type RekeyEnd = 'rekeyed' | 'given_up' | 'gone';

/** POST …/rekey commits the new key and leaves the writing to the job, which begins at once. Repeatable. */
export async function rekeyUpload(services: Services, principal: Principal, id: string): Promise<Upload> {
  const upload = await findLiveUpload(services, principal, id);
  if (isRekeying(upload)) return upload;
  const begun = await beginRekey(services, upload);
  if (begun !== undefined) {
    services.lookAt(begun);
    return begun;
  }
  const now = await findLiveUpload(services, principal, id);
  if (isRekeying(now)) return now;
  throw new StateConflict('The upload changed meanwhile; send the request again.');
}

/**
 * Key → wrap → commit: the new key is durable before anything is written under it. The worker that begins has the lease.
 * @returns undefined when the slot changed meanwhile.
 */
export async function beginRekey(services: Services, upload: Upload): Promise<Upload | undefined> {
  const { store, observer } = services;
  if (upload.state !== 'uploaded') {
    const state = stateAt(upload, services.now());
    throw new StateConflict(`The upload is ${state}; only an uploaded one can be re-keyed.`, {
      extra: { state },
    });
  }
  refuseTooSoon(services, upload);
  // What could never be brought to an end is not begun.
  targetOf(services, upload.target);
  await customerKeyOf(services, upload);

  const begun = await commitKey(services, upload, (await store.keys.lastGeneration(upload.id)) + 1);
  if (begun !== undefined) observer.slot('rekeying', begun);
  return begun;
}

async function commitKey(
  services: Services,
  upload: Upload,
  nextGeneration: number,
): Promise<Upload | undefined> {
  const { store, observer, config } = services;
  const wrapped = await wrapFor(services, CustomerKey.generate(), upload, nextGeneration);
  const hasCopy = config.custody.recovery !== undefined;
  const lease = leaseFrom(services.now());
  return observer.timed('commit', () =>
    store.keys.begin({ ...upload, nextGeneration }, wrapped, lease, hasCopy),
  );
}

/**
 * A copy that a dead worker asked for may still land and replace the object, under the generation of that time: its key must not have
 * gone by then.
 */
function refuseTooSoon(services: Services, upload: Upload): void {
  const waitMs = upload.urlEndsAt - services.now();
  if (upload.generation === 1 || !isReplaced(upload.versionId) || waitMs <= 0) return;
  throw new StateConflict('The upload was re-keyed less than an hour ago, in a bucket without versions.', {
    extra: { state: upload.state },
    retryAfterSeconds: Math.ceil(waitMs / 1000),
  });
}

/**
 * Brings a claimed re-key to its end, wherever an earlier worker left it: write → prove → move the slot to the new key. While a download
 * needs the version that the slot names, the slot moves after the proof; where writing replaces the object it moves at once, and
 * the old key goes after the proof.
 * @throws DependencyUnavailable, RekeyFailed, KeyUnusable: both keys are kept, and it can be tried again; the reason of `stop`.
 */
export async function continueRekey(
  services: Services,
  upload: Upload,
  stop: AbortSignal,
): Promise<RekeyEnd> {
  const { nextGeneration } = upload;
  try {
    if (nextGeneration === null) return await finish(services, upload, undefined, stop);
    const move = <T>(by: (move: Move) => Promise<T>): Promise<T> =>
      underLease(services, upload, stop, async (signal) =>
        by(await openMove(services, upload, nextGeneration, signal)),
      );
    if (!isReplaced(upload.versionId)) return await move(addVersion);
    return await replaced(services, upload, await move(replace), stop);
  } catch (error) {
    if (error instanceof LeaseLost) return 'gone';
    if (!stop.aborted && !(error instanceof DependencyUnavailable)) {
      services.observer.slot('rekey_failed', upload);
    }
    throw error;
  }
}

/** Without versions, and with suspended ones, whose id is `null`, writing replaces what was there. */
function isReplaced(versionId: string | null): boolean {
  return versionId === null || versionId === 'null';
}

async function addVersion(move: Move): Promise<RekeyEnd> {
  const { services, upload } = move;
  let written = await findWritten(move);
  const source = await findSource(move);
  const sha256 = upload.sha256 ?? (await digestOfSource(move, source.versionId));
  written ??= await write(move, source, 'copy');
  if (!(await isProven(move, written.versionId, sha256))) {
    await removeWritten(move);
    written = await write(move, source, 'stream');
    if (!(await isProven(move, written.versionId, sha256))) return giveUp(move);
  }
  const { etag, versionId } = written;
  const moved = await services.store.keys.advance(upload, { etag, versionId, nextCheckAt: null });
  if (moved === undefined) return 'gone';
  services.observer.slot('rekeyed', moved);
  return 'rekeyed';
}

interface Replacement {
  readonly written: ObjectFacts;
  /** Of the object as it was. A worker that took over has none unless the slot has; what it was made from is gone then. */
  readonly sha256: string | undefined;
}

async function replace(move: Move): Promise<Replacement> {
  const { upload } = move;
  const written = await findWritten(move);
  if (written !== undefined) return { written, sha256: undefined };
  const source = await findSource(move);
  const sha256 = upload.sha256 ?? (await digestOfSource(move, source.versionId));
  return { written: await write(move, source, 'copy'), sha256 };
}

async function replaced(
  services: Services,
  upload: Upload,
  { written, sha256 }: Replacement,
  stop: AbortSignal,
): Promise<RekeyEnd> {
  const { etag, versionId } = written;
  const { nextCheckAt } = leaseFrom(services.now());
  const moved = await services.store.keys.advance(upload, { etag, versionId, nextCheckAt });
  if (moved === undefined) return 'gone';
  return finish(services, moved, sha256, stop);
}

/** The slot has moved already: proof, then the end of the keys whose object is gone. */
function finish(
  services: Services,
  upload: Upload,
  sha256: string | undefined,
  stop: AbortSignal,
): Promise<RekeyEnd> {
  return underLease(services, upload, stop, async (signal) => {
    await proveReplaced(services, upload, sha256, signal);
    const { bucket, objectKey } = upload;
    const { versions } = await targetOf(services, upload.target).objects.remains(bucket, objectKey);
    // With more than one version, the object of an old key may be among them.
    if (versions.length === 1) await destroyReplaced(services, upload);
    const ended = await services.store.uploads.update(upload.id, ['uploaded'], { nextCheckAt: null });
    if (ended === undefined) return 'gone';
    services.observer.slot('rekeyed', ended);
    return 'rekeyed';
  });
}

/** Without a digest to compare there is only the size, and that S3 reads the whole of it. */
async function proveReplaced(
  services: Services,
  upload: Upload,
  sha256: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { bucket, objectKey, versionId } = upload;
  const { content } = targetOf(services, upload.target);
  const key = await customerKeyOf(services, upload);
  const read = await readWhole(content, { bucket, objectKey, versionId }, key, signal);
  const expected = upload.sha256 ?? sha256 ?? read?.sha256;
  if (read === undefined || read.size !== upload.size || read.sha256 !== expected) {
    throw new RekeyFailed('The object that was written anew does not read back as it was.');
  }
}

async function destroyReplaced(services: Services, upload: Upload): Promise<void> {
  for (const { generation, versionId } of await services.store.keys.all(upload.id)) {
    if (generation === upload.generation || !isReplaced(versionId)) continue;
    await services.store.keys.destroy({ uploadId: upload.id, generation }, services.now());
  }
}

/** The key goes only when nothing lies under it any more (invariant 3). */
async function giveUp(move: Move): Promise<RekeyEnd> {
  const { services, upload, generation } = move;
  await removeWritten(move);
  await services.store.keys.destroy({ uploadId: upload.id, generation }, services.now());
  const kept = await services.store.uploads.update(upload.id, ['uploaded'], { nextCheckAt: null });
  if (kept === undefined) return 'gone';
  services.observer.slot('rekey_failed', kept);
  return 'given_up';
}

async function digestOfSource(move: Move, versionId: string | null): Promise<string> {
  const { services, upload, keys, signal } = move;
  const { content } = targetOf(services, upload.target);
  const { bucket, objectKey } = upload;
  const read = await readWhole(content, { bucket, objectKey, versionId }, keys.from, signal);
  if (read?.size !== upload.size)
    throw new RekeyFailed('The object does not read whole under the key it had.');
  return read.sha256;
}

async function isProven(move: Move, versionId: string | null, sha256: string): Promise<boolean> {
  const { services, upload, keys, signal } = move;
  const { content } = targetOf(services, upload.target);
  const { bucket, objectKey } = upload;
  const read = await readWhole(content, { bucket, objectKey, versionId }, keys.to, signal);
  return read?.size === upload.size && read.sha256 === sha256;
}
