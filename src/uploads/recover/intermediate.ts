import { KeyNotMine, KeyRefused } from '../../custody/errors.ts';
import { intermediateCopy, readIntermediateCopy } from '../../custody/intermediate-copy.ts';
import { intermediatePlace, type IntermediateKey } from '../../custody/intermediate.ts';
import type { CustodyConfig } from '../../config/config.ts';
import { keepIntermediateCopy, recoveryTarget } from '../recovery.ts';
import type { Services } from '../services.ts';
import type { Recovery, RefusalCode } from './outcome.ts';

/**
 * An intermediate key from its copy, proven by opening it. Repeatable. One that is destroyed in the store is never brought back.
 * @throws DependencyUnavailable when the store, the KEK or S3 says neither yes nor no; nothing was stored.
 */
export async function recoverIntermediate(
  services: Services,
  recovery: NonNullable<CustodyConfig['recovery']>,
  objectKey: string,
): Promise<Recovery> {
  const { config, store, targets } = services;
  const bytes = await recoveryTarget(targets, recovery).buckets.getSmall(recovery.bucket, objectKey);
  if (!bytes) return { kind: 'passed_over' };
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
  const isRecovered =
    (await store.intermediates.insert(key, true)) || (await insertBehind(services, recovery, key));
  return isRecovered
    ? { kind: 'recovered', tenant, id, notes: [], refused: [] }
    : { kind: 'already', tenant, id };
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
  if (!(await store.intermediates.insert(moved, false))) return false;
  await keepIntermediateCopy(targets, recovery, moved);
  await store.intermediates.copied(moved.id, moved.wrapped);
  return true;
}

function refused(code: RefusalCode, detail: string): Recovery {
  return { kind: 'refused', refused: [{ code, detail, versionId: null }] };
}
