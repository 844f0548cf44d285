import { INTERMEDIATE_COPIES } from '../custody/intermediate-copy.ts';
import type { CustodyConfig } from '../config/config.ts';
import { DependencyUnavailable } from '../errors.ts';
import type { ListedVersion } from '../s3/port.ts';
import { patiently, type Pause } from './patience.ts';
import { recoverIntermediate } from './recover/intermediate.ts';
import { objectsIn } from './recover/listed-object.ts';
import { recoverObject } from './recover/object.ts';
import type { RecoveredPlace, Recovery } from './recover/outcome.ts';
import { recoveryTarget } from './recovery.ts';
import { targetOf, type Services } from './services.ts';

const PARALLEL = 8;
const GIVE_UP_AFTER = 20;

export type Recovered = 'intermediate' | 'object';

export interface RecoverRun {
  /** Only this tenant's; all unless given. */
  readonly only: string | undefined;
  readonly dryRun: boolean;
  /** Called once an object or copy, in the order in which they end; and once for a listing that failed. */
  readonly report: (what: Recovered, place: RecoveredPlace, outcome: Recovery) => void;
  /** Aborted from outside, or when nothing answers any more: nothing is begun then. */
  readonly stop: AbortController;
  readonly pause: Pause;
}

/**
 * Makes a lost store anew from what lies in S3: first the intermediate keys, under which the keys of objects are wrapped, then the slots.
 * Eight at a time, however many there are. What is there already is left as it is, so running it again goes on.
 */
export async function recoverStore(
  services: Services,
  recovery: NonNullable<CustodyConfig['recovery']>,
  run: RecoverRun,
): Promise<void> {
  const isComplete = await each(
    run,
    'intermediate',
    recovery.bucket,
    copies(services, recovery, run.only),
    (copy) => recoverIntermediate(services, recovery, copy),
  );
  // Without all of them, objects would be reported as impossible to open that only have to wait.
  if (!isComplete) return;
  for (const place of placesOf(services, run.only)) {
    const { target, bucket, tenants } = place;
    const objects = objectsIn(targetOf(services, target).buckets, bucket);
    await each(run, 'object', bucket, objects, (object) =>
      recoverObject(services, { ...object, target, tenants, only: run.only, dryRun: run.dryRun }),
    );
  }
}

/** Those that are there now: an older version of a copy is wrapped by an older KEK. */
async function* copies(
  { targets }: Services,
  recovery: NonNullable<CustodyConfig['recovery']>,
  only: string | undefined,
): AsyncGenerator<ListedVersion, void> {
  const { buckets } = recoveryTarget(targets, recovery);
  const prefix = only === undefined ? INTERMEDIATE_COPIES : `${INTERMEDIATE_COPIES}${only}/`;
  for await (const version of buckets.versions(recovery.bucket, prefix)) {
    if (version.isLatest && !version.isDeleteMarker) yield version;
  }
}

/** Each bucket once, though several tenants share it. */
function placesOf(
  { config }: Services,
  only: string | undefined,
): { target: string; bucket: string; tenants: string[] }[] {
  const places = new Map<string, { target: string; bucket: string; tenants: string[] }>();
  for (const [tenant, { target, bucket }] of Object.entries(config.tenants)) {
    const name = JSON.stringify([target, bucket]);
    const place = places.get(name) ?? { target, bucket, tenants: [] };
    place.tenants.push(tenant);
    places.set(name, place);
  }
  return [...places.values()].filter(({ tenants }) => only === undefined || tenants.includes(only));
}

/** @returns false when something had to be left for later. */
async function each<T extends { readonly objectKey: string }>(
  { report, stop, pause }: RecoverRun,
  what: Recovered,
  bucket: string,
  items: AsyncGenerator<T, void>,
  recover: (item: T) => Promise<Recovery>,
): Promise<boolean> {
  let unavailable = 0;
  const seen = { unavailable: false, failed: false };

  async function next(): Promise<T | undefined> {
    if (seen.failed || stop.signal.aborted) return undefined;
    try {
      const { value } = await items.next();
      return value as T | undefined;
    } catch (error) {
      // One listing that fails must not keep the other buckets waiting for ever.
      report(what, { bucket, objectKey: null }, asUnavailable(error));
      seen.failed = true;
      return undefined;
    }
  }

  async function worker(): Promise<void> {
    for (let item = await next(); item !== undefined; item = await next()) {
      const outcome = await patiently(recover.bind(undefined, item), pause).catch(asUnavailable);
      unavailable = isUnavailable(outcome) ? unavailable + 1 : 0;
      seen.unavailable ||= isUnavailable(outcome);
      report(what, { bucket, objectKey: item.objectKey }, outcome);
      if (unavailable >= GIVE_UP_AFTER) stop.abort();
    }
  }

  await allToTheirEnd(worker, stop);
  await items.return();
  return !seen.unavailable && !seen.failed && !stop.signal.aborted;
}

/** The others finish what they have in hand before a failure is thrown. */
async function allToTheirEnd(worker: () => Promise<void>, stop: AbortController): Promise<void> {
  const workers = Array.from({ length: PARALLEL }, () =>
    worker().catch((error: unknown) => {
      stop.abort();
      throw error;
    }),
  );
  const failure = (await Promise.allSettled(workers)).find((end) => end.status === 'rejected');
  if (failure) throw failure.reason;
}

export function isUnavailable(outcome: Recovery): boolean {
  return outcome.kind === 'refused' && outcome.refused.some(({ code }) => code === 'unavailable');
}

function asUnavailable(error: unknown): Recovery {
  if (!(error instanceof DependencyUnavailable)) throw error;
  const cause = error.cause instanceof Error ? ` ${error.cause.message}` : '';
  return {
    kind: 'refused',
    refused: [{ code: 'unavailable', detail: error.message + cause, versionId: null }],
  };
}
