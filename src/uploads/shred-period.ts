import { copiesOf } from '../custody/intermediate-copy.ts';
import { INTERMEDIATE, PERIODS, periodAt } from '../custody/intermediate.ts';
import { DependencyUnavailable, StateConflict } from '../errors.ts';
import type { StoredIntermediate } from '../store/port.ts';
import { recoveryTarget, renewCopy } from './recovery.ts';
import { moveBatch, pages } from './rewrap.ts';
import type { Services } from './services.ts';
import { findUnknownKey } from './shred-period/unknown-key.ts';

const MARGIN_MS = 60_000;

export interface ShredOptions {
  readonly tenant: string;
  readonly period: string;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

/** One intermediate key of the period. */
export interface Shredded {
  readonly id: string;
  /** Keys of living slots that were, or would be, wrapped anew under another one. */
  readonly survivors: number;
  /** `kept`: something still needs it, as `why` says; run it again when that has ended. */
  readonly outcome: 'destroyed' | 'would_be_destroyed' | 'kept';
  readonly why?: string;
}

/**
 * Cryptographic erasure: what a tenant deleted in a period was wrapped under that period's intermediate keys, and opens nowhere once they
 * are destroyed. Survivors are wrapped anew first, their copies too. With recovery copies the tenant's bucket is read first: a store that
 * is from a backup does not know of all survivors. Repeatable; an end in between loses nothing.
 * @throws StateConflict while the period is not over, everywhere.
 */
export async function* shredPeriod(services: Services, options: ShredOptions): AsyncGenerator<Shredded> {
  demandOver(services, options.period);
  const { tenant, period } = options;
  for (const key of await services.store.intermediates.list({ tenant, period })) {
    if (options.signal.aborted) return;
    yield await shredOne(services, key, options);
  }
}

/** Whoever still has such a key in memory would go on wrapping under it. */
function demandOver({ now, config }: Services, period: string): void {
  const maxAge = config.custody.hierarchy?.maxAgeSeconds ?? 0;
  const kind = PERIODS.find((each) => periodAt(each, now()).length === period.length);
  if (kind === undefined) {
    throw new StateConflict(`"${period}" is no period; they look like ${periodAt('day', now())}.`);
  }
  if (period >= periodAt(kind, now() - maxAge * 1000 - MARGIN_MS)) {
    throw new StateConflict(
      `The period ${period} is not over, or has been for less than custody.hierarchy.maxAgeSeconds and a minute.`,
    );
  }
}

async function shredOne(
  services: Services,
  key: StoredIntermediate,
  { tenant, dryRun, signal }: ShredOptions,
): Promise<Shredded> {
  const { store } = services;
  const survivors = await store.intermediates.uses(key.id);
  const kept = (why: string): Shredded => ({ id: key.id, survivors, outcome: 'kept', why });
  if (dryRun) {
    const unknown = await whyNotAll(services, key, signal);
    return unknown === undefined ? { id: key.id, survivors, outcome: 'would_be_destroyed' } : kept(unknown);
  }

  const wrappedBy = { wrapperId: INTERMEDIATE, kekId: key.id };
  for await (const batch of pages(services, { tenant, signal }, { wrappedBy })) {
    for await (const { id, outcome, code } of moveBatch(services, batch, { dryRun, pace, force: true })) {
      if (outcome === 'failed') return kept(`the key of ${id} cannot be wrapped anew: ${code ?? outcome}`);
    }
  }
  const copies = await renewAll(services, { tenant, signal }, key.id);
  if (copies !== undefined) return kept(copies);
  if ((await store.intermediates.uses(key.id)) > 0) return kept('keys are still under it');
  const unknown = await whyNotAll(services, key, signal);
  if (unknown !== undefined) return kept(unknown);
  // Before the row: an end in between would leave a copy that nobody knows of.
  await forgetCopy(services, key);
  if (!(await store.intermediates.destroy(key.id, services.now()))) return kept('keys are still under it');
  return { id: key.id, survivors, outcome: 'destroyed' };
}

/** What lies in S3 and is not known to the store; `undefined` when there is nothing, and where there are no copies at all. */
async function whyNotAll(
  services: Services,
  key: StoredIntermediate,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!services.config.custody.recovery) return undefined;
  const object = await findUnknownKey(services, key, signal);
  if (object !== undefined) {
    return `the object ${object} carries a key under it that the store does not have: run \`sealslot recover\` first, then \`sealslot audit\``;
  }
  return signal.aborted ? 'interrupted' : undefined;
}

/** Proven, not assumed: every version of every copy is gone, also of one that lies under an earlier version's name. */
async function forgetCopy(services: Services, { id, tenant, period }: StoredIntermediate): Promise<void> {
  const { recovery } = services.config.custody;
  if (!recovery) return;
  const { objects, buckets } = recoveryTarget(services.targets, recovery);
  const names = new Set<string>();
  for await (const { objectKey } of buckets.versions(recovery.bucket, copiesOf(tenant, period))) {
    if (objectKey.endsWith(`-${id}.json`)) names.add(objectKey);
  }
  for (const name of names) {
    await objects.remove(recovery.bucket, name, await objects.remains(recovery.bucket, name));
    const left = await objects.remains(recovery.bucket, name);
    if (left.versions.length > 0) {
      throw new DependencyUnavailable('s3', undefined, `S3 still lists ${name} in ${recovery.bucket}.`);
    }
  }
  await services.store.intermediates.copied(id, null);
}

/** Copies in tags that are still under the key; `undefined` when there are none left. */
async function renewAll(
  services: Services,
  scope: Pick<ShredOptions, 'tenant' | 'signal'>,
  kekId: string,
): Promise<string | undefined> {
  for await (const batch of pages(services, scope, { copies: 'stale' })) {
    for (const key of batch.filter(({ copy }) => copy?.kekId === kekId)) {
      if ((await renewCopy(services, key)) === 'waiting') {
        return `an upload URL of ${key.upload.id} that carries a copy under it may still be used`;
      }
    }
  }
  return scope.signal.aborted ? 'interrupted' : undefined;
}

const pace = async (): Promise<void> => undefined;
