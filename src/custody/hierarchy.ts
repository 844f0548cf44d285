import { v7 as uuidv7 } from 'uuid';
import type { Clock } from '../clock.ts';
import type { HierarchyConfig } from '../config/config.ts';
import { DependencyUnavailable } from '../errors.ts';
import type { IntermediateStore, StoredIntermediate } from '../store/port.ts';
import { encodeContext } from './context.ts';
import { CustomerKey } from './customer-key.ts';
import { KeyNotMine, KeyRefused } from './errors.ts';
import { INTERMEDIATE, intermediatePlace, periodAt, type IntermediateKey } from './intermediate.ts';
import { IntermediateCache, retryPauseMs, type OpenIntermediate } from './intermediate-cache.ts';
import type { KeyPlace, KeyWrapper } from './port.ts';
import { seal, unseal } from './sealed.ts';
import { SingleFlight } from './single-flight.ts';

export interface HierarchyOptions {
  /** Wraps intermediate keys, and opens customer keys that were wrapped without one. */
  readonly keks: KeyWrapper;
  readonly intermediates: IntermediateStore;
  readonly settings: HierarchyConfig;
  /** Whether new keys are wrapped under intermediate ones. What lies under one opens in any case. */
  readonly wrapsNew: boolean;
  /** Keeps a copy of a wrapped intermediate key, durably, before it is used; without it there are no copies. */
  readonly keepCopy: ((key: IntermediateKey) => Promise<void>) | undefined;
  readonly now: Clock;
  /** Never jumps, unlike `now`: what the age of cached keys is measured by. Milliseconds; of this process unless given. */
  readonly uptime?: Clock;
}

/**
 * Wraps customer keys in this process, under an intermediate key of their tenant and period that a KEK has wrapped: the KEK is asked per
 * `maxAgeSeconds`, not per slot, and its outage is survived for as long.
 */
export function hierarchy(options: HierarchyOptions): KeyWrapper {
  const { keks, intermediates, settings, wrapsNew, keepCopy, now } = options;
  const { uptime = () => performance.now() } = options;
  const cache = new IntermediateCache(settings, uptime);
  const loading = new SingleFlight();
  /** When the keys of coming periods are asked for again, by tenant and period. */
  const pausedUntil = new Map<string, number>();
  /** Ids of the intermediate keys that wrap now, by tenant and period. */
  const newest = new Map<string, string>();

  /** `work` with the intermediate key that wraps new keys of this tenant now. */
  async function underNewest<T>(tenant: string, work: (found: OpenIntermediate) => T): Promise<T> {
    const period = periodAt(settings.period, now());
    prepare(tenant, periodAt(settings.period, now() + settings.maxAgeSeconds * 1000));
    const name = `${tenant} ${period}`;
    for (;;) {
      const id = newest.get(name);
      const found = id === undefined ? undefined : cache.use(id);
      if (found) return worked(found, work);
      await loading.run(name, () => findOrMake(tenant, period));
    }
  }

  async function under<T>(id: string, work: (found: OpenIntermediate) => T): Promise<T> {
    for (;;) {
      const found = cache.use(id);
      if (found) return worked(found, work);
      await loading.run(id, () => load(id));
    }
  }

  /** At once: what leaves the cache is zeroed, so `work` must not be behind an await. */
  function worked<T>(found: OpenIntermediate, work: (found: OpenIntermediate) => T): T {
    refreshAhead(found.meta);
    return work(found);
  }

  /** Before a period begins, so that its first slot waits for nothing and an outage at midnight is survived. */
  function prepare(tenant: string, period: string): void {
    const name = `${tenant} ${period}`;
    if (newest.has(name) || uptime() < (pausedUntil.get(name) ?? -Infinity)) return;
    // A KEK that does not answer is not asked for each slot; when the key is needed it is asked again.
    pausedUntil.set(name, uptime() + retryPauseMs(settings));
    loading
      .run(name, () => findOrMake(tenant, period))
      .then(() => pausedUntil.delete(name))
      .catch(() => undefined);
  }

  async function findOrMake(tenant: string, period: string): Promise<void> {
    let found = await intermediates.newest(tenant, period);
    if (!found || !(await keks.isCurrent(found.wrapped))) {
      await make(tenant, period);
      // Of several who make one at once, one wins; the others find its key.
      found = await intermediates.newest(tenant, period);
    }
    if (!found) throw new DependencyUnavailable('store', undefined);
    await keepCopyOf(found);
    await open(found);
    forgetOthers(found);
    newest.set(`${tenant} ${period}`, found.id);
  }

  async function make(tenant: string, period: string): Promise<void> {
    const version = (await intermediates.lastVersion(tenant, period)) + 1;
    const name = { id: uuidv7(), tenant, period, version };
    const key = CustomerKey.generate();
    const wrapped = await keks.wrap(key, intermediatePlace(name)).finally(() => key.erase());
    await intermediates.insert({ ...name, wrapped, createdAt: now() }, false);
  }

  /** Nothing is wrapped under an intermediate key before its copy is kept. */
  async function keepCopyOf(stored: StoredIntermediate): Promise<void> {
    if (!keepCopy || (stored.copy !== null && !stored.copy.isStale)) return;
    await keepCopy(stored);
    await intermediates.copied(stored.id, stored.wrapped);
  }

  /** One that was just made is unwrapped as well: nothing is wrapped under a key that its KEK would not give back. */
  async function open(stored: IntermediateKey): Promise<void> {
    cache.put({ meta: stored, key: await keks.unwrap(stored.wrapped, intermediatePlace(stored)) });
  }

  function forgetOthers({ tenant, period }: IntermediateKey): void {
    const current = periodAt(settings.period, now());
    for (const names of [newest, pausedUntil]) {
      for (const name of names.keys()) {
        const [otherTenant = '', otherPeriod = ''] = name.split(' ');
        if (otherTenant === tenant && otherPeriod < current && otherPeriod !== period) names.delete(name);
      }
    }
  }

  async function load(id: string): Promise<void> {
    const stored = await intermediates.get(id);
    if (!stored) throw new KeyNotMine(`The intermediate key ${id} is not in the store.`);
    await open(stored);
  }

  /** One caller asks the KEK while the others go on. A KEK that refuses now ends the entry at once; one that does not answer does not. */
  function refreshAhead({ id, tenant, period }: IntermediateKey): void {
    if (!cache.wantsRefresh(id)) return;
    const name = `${tenant} ${period}`;
    // What wraps is looked for anew: under a load without a pause a KEK that was rotated would else not be taken up before the next period.
    const wraps = newest.get(name) === id && period === periodAt(settings.period, now());
    const refreshed = wraps
      ? loading.run(name, () => findOrMake(tenant, period))
      : loading.run(id, () => load(id));
    refreshed.catch((error: unknown) => {
      if (error instanceof KeyRefused || error instanceof KeyNotMine) cache.drop(id);
    });
  }

  const wrapper: KeyWrapper = {
    id: wrapsNew ? INTERMEDIATE : keks.id,

    async wrap(key, place) {
      if (!wrapsNew) return keks.wrap(key, place);
      return underNewest(place.tenant, ({ meta, key: kek }) => {
        const context = encodeContext(INTERMEDIATE, meta.id, place);
        return { wrapperId: INTERMEDIATE, kekId: meta.id, bytes: seal(key, kek.bytes(), context) };
      });
    },

    async unwrap(wrapped, place) {
      if (wrapped.wrapperId !== INTERMEDIATE) return keks.unwrap(wrapped, place);
      return under(wrapped.kekId, ({ meta, key: kek }) => {
        demandPlace(meta, place);
        return unseal(wrapped.bytes, kek.bytes(), encodeContext(INTERMEDIATE, meta.id, place));
      });
    },

    async rewrap(wrapped, place) {
      if (!wrapsNew && wrapped.wrapperId !== INTERMEDIATE) return keks.rewrap(wrapped, place);
      return wrapper.wrap(await wrapper.unwrap(wrapped, place), place);
    },

    async isCurrent(wrapped) {
      if (wrapped.wrapperId !== INTERMEDIATE) return keks.isCurrent(wrapped);
      const stored = await intermediates.get(wrapped.kekId);
      return stored !== undefined && keks.isCurrent(stored.wrapped);
    },

    keks: () => keks.keks(),

    close() {
      cache.close();
      keks.close();
    },
  };
  return wrapper;
}

/** Authentic bytes say so too; this says it before any are looked at. */
function demandPlace(meta: IntermediateKey, place: KeyPlace): void {
  if (place.tenant !== meta.tenant || place.purpose === 'intermediate') {
    throw new KeyRefused('The key was wrapped for another tenant or purpose.');
  }
}
