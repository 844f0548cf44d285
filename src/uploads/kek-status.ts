import { INTERMEDIATE, intermediatePlace, type IntermediateKey } from '../custody/intermediate.ts';
import type { KekCondition } from '../custody/port.ts';
import { DependencyUnavailable } from '../errors.ts';
import { placeOf, type Services } from './services.ts';

/** One KEK: what its keeper says of it, and what still needs it. */
export interface KekStatus {
  readonly wrapperId: string;
  /** `?` for a wrapper that could not be opened: it cannot be asked for its KEK. */
  readonly kekId: string;
  /**
   * `not_held`: keys are under it, but it is not in the configuration, or its wrapper does not hold it. `refused`: its wrapper could not
   * be opened. `unknown`: its keeper does not answer, or does not tell and nothing is under it that would show.
   */
  readonly state: KekCondition['state'] | 'not_held' | 'refused';
  readonly deletionAt?: number;
  /** Why it is `unknown` or `refused`, in words for an operator. */
  readonly detail?: string;
  /** Whether new keys are wrapped by it, or under intermediate keys that are. */
  readonly isCurrent: boolean;
  /** Keys of objects that it wraps itself. */
  readonly objectKeys: number;
  readonly intermediateKeys: number;
  /** Keys of objects under those intermediate keys. */
  readonly indirectKeys: number;
  /** Copies in tags and in the recovery bucket. */
  readonly copies: number;
}

/** In place of a KEK's id. */
export const NOT_TOLD = '?';

/**
 * Every KEK that is held or needed; the current one first.
 * @param refused wrappers that could not be opened, and why.
 * @throws DependencyUnavailable('store').
 */
export async function kekStatus(
  services: Services,
  refused: ReadonlyMap<string, string> = new Map(),
): Promise<KekStatus[]> {
  const { store, keks } = services;
  const [conditions, usage, intermediates] = await Promise.all([
    keks.keks(),
    store.keys.usage(),
    store.intermediates.list(),
  ]);
  const indirect = new Map<string, number>();
  for (const { id, wrapped } of intermediates) {
    const name = nameOf(wrapped);
    indirect.set(name, (indirect.get(name) ?? 0) + (await store.intermediates.uses(id)));
  }
  const uses = new Map(
    usage.filter(({ wrapperId }) => wrapperId !== INTERMEDIATE).map((use) => [nameOf(use), use]),
  );
  const closed = [...refused].map(([wrapperId, detail]) => ({
    ...{ wrapperId, kekId: NOT_TOLD, state: 'refused' as const, detail },
    isCurrent: wrapperId === keks.id,
  }));
  const told = await Promise.all(
    conditions.map((condition) => provenUsable(services, condition, intermediates)),
  );
  const held = told.map((condition, index) => ({
    ...condition,
    isCurrent: index === 0 && !refused.has(keks.id),
  }));
  const names = new Set(held.map(nameOf));
  const others = await Promise.all(
    [...uses.values()]
      .filter((use) => !names.has(nameOf(use)))
      .map(async ({ wrapperId, kekId }) => ({
        ...{ wrapperId, kekId, isCurrent: false },
        state: refused.has(wrapperId)
          ? ('refused' as const)
          : await stateOfFormer(services, { wrapperId, kekId }, intermediates),
      })),
  );
  return [...closed, ...held, ...others].map((kek) => {
    const { objectKeys = 0, intermediateKeys = 0, copies = 0 } = uses.get(nameOf(kek)) ?? {};
    return { ...kek, objectKeys, intermediateKeys, copies, indirectKeys: indirect.get(nameOf(kek)) ?? 0 };
  });
}

/** A keeper whose policy hides what it says of a KEK still shows whether that opens a key. */
async function provenUsable(
  services: Services,
  condition: KekCondition,
  intermediates: readonly IntermediateKey[],
): Promise<KekCondition> {
  if (condition.state !== 'unknown') return condition;
  const { wrapperId, kekId } = condition;
  const isUsable = (await stateOfFormer(services, condition, intermediates)) === 'usable';
  return isUsable ? { wrapperId, kekId, state: 'usable' } : condition;
}

/** A wrapper may open what is under a KEK that it had before, such as the one that an alias named: one key of it tells. */
async function stateOfFormer(
  { store, keks }: Services,
  kek: { wrapperId: string; kekId: string },
  intermediates: readonly IntermediateKey[],
): Promise<KekStatus['state']> {
  const intermediate = intermediates.find(({ wrapped }) => nameOf(wrapped) === nameOf(kek));
  const [key] = await store.keys.page({ wrappedBy: kek, limit: 1 });
  try {
    if (intermediate) (await keks.unwrap(intermediate.wrapped, intermediatePlace(intermediate))).erase();
    else if (key) (await keks.unwrap(key.wrapped, placeOf(key.upload, key.generation))).erase();
    else return 'unknown';
    return 'usable';
  } catch (error) {
    return error instanceof DependencyUnavailable ? 'unknown' : 'not_held';
  }
}

/** Nothing would be lost without it. */
export function isUnneeded({ isCurrent, objectKeys, intermediateKeys, copies }: KekStatus): boolean {
  return !isCurrent && objectKeys === 0 && intermediateKeys === 0 && copies === 0;
}

function nameOf({ wrapperId, kekId }: { wrapperId: string; kekId: string }): string {
  return JSON.stringify([wrapperId, kekId]);
}
