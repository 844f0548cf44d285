import { INTERMEDIATE, intermediatePlace } from '../custody/intermediate.ts';
import { KeyNotMine, KeyRefused } from '../custody/errors.ts';
import { OtherKey } from '../custody/proof.ts';
import type { KeyPlace, KeyWrapper, WrappedKey } from '../custody/port.ts';
import { DependencyUnavailable, KeyUnusable } from '../errors.ts';
import type { KekUse, KeyCursor, PlacedKey } from '../store/port.ts';
import { keepIntermediateCopy, renewCopy } from './recovery.ts';
import { placeOf, type Services } from './services.ts';

/** Keys of one commit, unless fewer are asked for. */
export const BATCH = 100;

export interface RewrapOptions {
  /** All tenants unless given. */
  readonly tenant?: string | undefined;
  /** Looks and counts; nothing is wrapped or written. */
  readonly dryRun: boolean;
  /** Once aborted no batch is begun. */
  readonly signal: AbortSignal;
  /** Resolves when the next `count` keys may be taken: the operator's rate. */
  readonly pace: (count: number) => Promise<void>;
  /** At most so many keys at once. */
  readonly batch?: number;
}

export type RewrapStep = 'intermediate keys' | 'object keys' | 'copies';

/** What became of one key or copy; for a dry run, what would. */
export interface Rewrapped {
  readonly step: RewrapStep;
  /**
   * `moved` and `renewed` are done. `waiting`: upload URLs that carry an older copy are still good. `gone`: its object never came.
   * `lost_race`: somebody else changed it meanwhile. `failed`: see `code`.
   */
  readonly outcome: 'current' | 'moved' | 'renewed' | 'waiting' | 'gone' | 'lost_race' | 'failed';
  readonly tenant: string;
  /** The slot's id, or the intermediate key's. */
  readonly id: string;
  readonly generation: number;
  readonly code?: string;
}

/**
 * Moves every key under the current wrapper and KEK, in this order: new row, verified by opening it before the old is dropped → copies in
 * tags and in the recovery bucket. Intermediate keys move, so what is wrapped under them stays as it is. Resumable: what is current is
 * left alone. Safe beside the service and beside itself: each change is made only where the row is still as it was read.
 * @throws DependencyUnavailable when the store, S3 or a KEK does not answer. What was moved before is moved.
 */
export async function* rewrap(services: Services, options: RewrapOptions): AsyncGenerator<Rewrapped> {
  yield* moveIntermediateKeys(services, options);
  yield* moveObjectKeys(services, options);
  yield* renewCopies(services, options);
}

async function* moveIntermediateKeys(
  { store, keks }: Services,
  { tenant, dryRun, signal, pace }: RewrapOptions,
): AsyncGenerator<Rewrapped> {
  for (const key of await store.intermediates.list(tenant === undefined ? {} : { tenant })) {
    if (signal.aborted) return;
    const about = {
      step: 'intermediate keys',
      tenant: key.tenant,
      id: key.id,
      generation: key.version,
    } as const;
    const moved = await attempt(async () => {
      if (await keks.isCurrent(key.wrapped)) return 'current';
      if (dryRun) return 'moved';
      await pace(1);
      const to = await rewrapProven(keks, key.wrapped, intermediatePlace(key));
      return (await store.intermediates.replace(key.id, key.wrapped, to)) ? 'moved' : 'lost_race';
    });
    yield { ...about, ...moved };
  }
}

async function* moveObjectKeys(services: Services, options: RewrapOptions): AsyncGenerator<Rewrapped> {
  for (const { wrapperId, kekId } of await directUses(services)) {
    for await (const batch of pages(services, options, { wrappedBy: { wrapperId, kekId } })) {
      yield* moveBatch(services, batch, options);
    }
  }
}

/** The current KEK's keys first: once others have moved there, they would come up a second time. Keys under intermediate ones move with those. */
async function directUses({ store, keks }: Services): Promise<KekUse[]> {
  const [current] = await keks.keks();
  const isCurrent = ({ wrapperId, kekId }: KekUse): boolean =>
    wrapperId === current?.wrapperId && kekId === current.kekId;
  const uses = (await store.keys.usage()).filter(
    ({ wrapperId, objectKeys }) => wrapperId !== INTERMEDIATE && objectKeys > 0,
  );
  return [...uses.filter(isCurrent), ...uses.filter((use) => !isCurrent(use))];
}

/**
 * One commit a batch.
 * @param options `force`: what is current is wrapped anew as well.
 */
export async function* moveBatch(
  { store, wrapper }: Services,
  batch: readonly PlacedKey[],
  { dryRun, pace, force = false }: Pick<RewrapOptions, 'dryRun' | 'pace'> & { force?: boolean },
): AsyncGenerator<Rewrapped> {
  const outdated: PlacedKey[] = [];
  for (const key of batch) {
    if (!force && (await wrapper.isCurrent(key.wrapped)))
      yield { ...aboutKey('object keys', key), outcome: 'current' };
    else outdated.push(key);
  }
  if (dryRun) {
    for (const key of outdated) {
      yield { ...aboutKey('object keys', key), outcome: 'moved' };
      // Those that are stale already are counted with the copies.
      if (key.copy?.isStale === false) yield { ...aboutKey('copies', key), outcome: 'renewed' };
    }
    return;
  }
  if (outdated.length === 0) return;
  await pace(outdated.length);
  const changes: (KeyCursor & { from: WrappedKey; to: WrappedKey; key: PlacedKey })[] = [];
  const attempts = outdated.map(async (key) => {
    const { upload, generation, wrapped: from } = key;
    const outcome = await attempt(async () => {
      const to = await rewrapProven(wrapper, from, placeOf(upload, generation));
      changes.push({ uploadId: upload.id, generation, from, to, key });
      return 'moved';
    });
    return { key, outcome };
  });
  for (const { key, outcome } of await Promise.all(attempts)) {
    if (outcome.outcome === 'failed') yield { ...aboutKey('object keys', key), ...outcome };
  }
  const replaced = await store.keys.replace(changes);
  for (const [index, { key }] of changes.entries()) {
    yield { ...aboutKey('object keys', key), outcome: replaced[index] === true ? 'moved' : 'lost_race' };
  }
}

async function* renewCopies(services: Services, options: RewrapOptions): AsyncGenerator<Rewrapped> {
  yield* renewIntermediateCopies(services, options);
  const isKept = services.config.custody.recovery !== undefined;
  for (const copies of isKept ? (['stale', 'missing'] as const) : (['stale'] as const)) {
    for await (const batch of pages(services, options, { copies })) {
      if (!options.dryRun) await options.pace(batch.length);
      const renewed = batch.map(async (key) => ({
        ...aboutKey('copies', key),
        ...(options.dryRun
          ? ({ outcome: 'renewed' } as const)
          : await attempt(() => renewCopy(services, key))),
      }));
      yield* await Promise.all(renewed);
    }
  }
}

async function* renewIntermediateCopies(
  { store, keks, config, targets }: Services,
  { tenant, signal, dryRun }: RewrapOptions,
): AsyncGenerator<Rewrapped> {
  const { recovery } = config.custody;
  if (!recovery) return;
  for (const key of await store.intermediates.list(tenant === undefined ? {} : { tenant })) {
    if (signal.aborted) return;
    const about = { step: 'copies', tenant: key.tenant, id: key.id, generation: key.version } as const;
    const isRight = key.copy?.isStale === false;
    if (dryRun) {
      if (!isRight || !(await keks.isCurrent(key.wrapped))) yield { ...about, outcome: 'renewed' };
      continue;
    }
    if (isRight) continue;
    await keepIntermediateCopy(targets, recovery, key);
    const isNoted = await store.intermediates.copied(key.id, key.wrapped);
    yield { ...about, outcome: isNoted ? 'renewed' : 'lost_race' };
  }
}

/** A page at a time, from the beginning to the end, whatever is changed on the way. */
export async function* pages(
  { store }: Services,
  { tenant, signal, batch = BATCH }: Pick<RewrapOptions, 'tenant' | 'signal' | 'batch'>,
  query: { wrappedBy?: { wrapperId: string; kekId: string }; copies?: 'stale' | 'missing' },
): AsyncGenerator<PlacedKey[]> {
  let after: KeyCursor | undefined;
  for (;;) {
    if (signal.aborted) return;
    const page = await store.keys.page({
      ...query,
      ...(tenant !== undefined && { tenant }),
      ...(after && { after }),
      limit: batch,
    });
    const last = page.at(-1);
    if (!last) return;
    yield page;
    after = { uploadId: last.upload.id, generation: last.generation };
  }
}

/** @throws OtherKey when what was wrapped does not open as the same key: nothing is written then. */
export async function rewrapProven(
  wrapper: KeyWrapper,
  wrapped: WrappedKey,
  place: KeyPlace,
): Promise<WrappedKey> {
  const to = await wrapper.rewrap(wrapped, place);
  const [before, after] = await Promise.all([wrapper.unwrap(wrapped, place), wrapper.unwrap(to, place)]);
  const isSame = before.equals(after);
  before.erase();
  after.erase();
  if (!isSame) throw new OtherKey('The rewrapped key opens as another key.');
  return to;
}

type Outcome = Pick<Rewrapped, 'outcome' | 'code'>;

/** A key that cannot be moved does not keep the others from it. */
async function attempt(work: () => Promise<Rewrapped['outcome']>): Promise<Outcome> {
  try {
    return { outcome: await work() };
  } catch (error) {
    if (error instanceof DependencyUnavailable) throw error;
    if (error instanceof KeyRefused) return { outcome: 'failed', code: `${error.code} (${error.refusal})` };
    if (error instanceof KeyNotMine || error instanceof KeyUnusable)
      return { outcome: 'failed', code: error.code };
    if (error instanceof OtherKey) return { outcome: 'failed', code: 'other_key' };
    throw error;
  }
}

function aboutKey(step: RewrapStep, { upload, generation }: PlacedKey) {
  return { step, tenant: upload.tenant, id: upload.id, generation } as const;
}
