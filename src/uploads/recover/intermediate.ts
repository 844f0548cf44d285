import { KeyNotMine, KeyRefused } from '../../custody/errors.ts';
import { intermediateCopy, readIntermediateCopy } from '../../custody/intermediate-copy.ts';
import { intermediatePlace, type IntermediateKey } from '../../custody/intermediate.ts';
import type { CustodyConfig } from '../../config/config.ts';
import { ObjectRefused } from '../../s3/errors.ts';
import type { ListedVersion } from '../../s3/port.ts';
import { KekRetired } from '../../store/errors.ts';
import { keepIntermediateCopy, recoveryTarget } from '../recovery.ts';
import type { Services } from '../services.ts';
import type { Recovery, RefusalCode } from './outcome.ts';

/** Far more than any copy has. */
const LARGEST_COPY = 16 * 1024;

/**
 * An intermediate key from its copy, proven by opening it. Repeatable. One that is destroyed in the store is never brought back.
 * @throws DependencyUnavailable when the store, the KEK or S3 says neither yes nor no; nothing was stored.
 */
export async function recoverIntermediate(
  services: Services,
  recovery: NonNullable<CustodyConfig['recovery']>,
  { objectKey, size }: Pick<ListedVersion, 'objectKey' | 'size'>,
): Promise<Recovery> {
  const { config, store } = services;
  if (size > LARGEST_COPY) return refused('bad_copy', `it has ${size} bytes, more than any copy`);
  const bytes = await read(services, recovery, objectKey);
  if (!bytes) return { kind: 'passed_over' };
  if ('kind' in bytes) return bytes;
  const key = readIntermediateCopy(bytes);
  if (!key || intermediateCopy(key).objectKey !== objectKey) {
    return refused('bad_copy', 'it is not as this service writes it, or lies under another name');
  }
  const { tenant, id } = key;
  if (!Object.hasOwn(config.tenants, tenant)) {
    return refused('not_configured', `its tenant "${tenant}" is not in the configuration`);
  }
  if ((await store.intermediates.get(id))?.tenant === tenant) return { kind: 'already', tenant, id };
  const problem = await openingProblem(services, key);
  if (problem) return problem;
  try {
    const isRecovered =
      (await store.intermediates.insert(key, true, false)) || (await insertBehind(services, recovery, key));
    return isRecovered
      ? { kind: 'recovered', tenant, id, notes: [], refused: [] }
      : { kind: 'already', tenant, id };
  } catch (error) {
    if (!(error instanceof KekRetired)) throw error;
    return refused('kek_refused', error.message);
  }
}

/** One object that S3 does not hand out must not keep all others from being recovered: anybody may have put it there. */
async function read(
  { targets }: Services,
  recovery: NonNullable<CustodyConfig['recovery']>,
  objectKey: string,
): Promise<Uint8Array | Recovery | undefined> {
  try {
    return await recoveryTarget(targets, recovery).buckets.getSmall(recovery.bucket, objectKey);
  } catch (error) {
    if (!(error instanceof ObjectRefused)) throw error;
    return refused('unreadable', `it cannot be read: ${error.message}`);
  }
}

async function openingProblem(
  { keks, observer }: Services,
  key: IntermediateKey,
): Promise<Recovery | undefined> {
  try {
    const opened = await observer.timed('unwrap', () => keks.unwrap(key.wrapped, intermediatePlace(key)));
    opened.erase();
    return undefined;
  } catch (error) {
    if (error instanceof KeyNotMine) return refused('kek_refused', error.message);
    if (!(error instanceof KeyRefused)) throw error;
    const isForged = error.refusal === 'not_authentic' || error.refusal === 'wrong_form';
    return refused(isForged ? 'not_authentic' : 'kek_refused', error.message);
  }
}

/**
 * A service that went on with an empty store has made an intermediate key of the same version. What the lost one wraps knows it by its id
 * alone, so it becomes a further version, closed anew in that place, with a copy there before it counts.
 * @returns false when its id is there: destroyed, or recovered by another run.
 */
async function insertBehind(
  services: Services,
  recovery: NonNullable<CustodyConfig['recovery']>,
  key: IntermediateKey,
): Promise<boolean> {
  const { keks, store, targets } = services;
  const version = (await store.intermediates.lastVersion(key.tenant, key.period)) + 1;
  const opened = await keks.unwrap(key.wrapped, intermediatePlace(key));
  const wrapped = await keks
    .wrap(opened, intermediatePlace({ ...key, version }))
    .finally(() => opened.erase());
  const moved = { ...key, version, wrapped };
  if (!(await store.intermediates.insert(moved, false, false))) return false;
  await keepIntermediateCopy(targets, recovery, moved);
  await store.intermediates.copied(moved.id, moved.wrapped);
  return true;
}

function refused(code: RefusalCode, detail: string): Recovery {
  return { kind: 'refused', refused: [{ code, detail, versionId: null }] };
}
