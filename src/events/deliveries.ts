import type { QueuedMessage } from '../store/port.ts';
import type { Services } from '../uploads/services.ts';
import { systemResolve, type Resolve } from './addresses.ts';
import { attempt, type Outcome } from './attempt.ts';
import { ATTEMPT_MS } from './send.ts';

export interface Deliveries {
  /** There may be messages: looks for them now. */
  wake(): void;
  /** Ends after the messages in hand; those whose receivers take long are given back. */
  stop(): Promise<void>;
}

export interface DeliveriesOptions {
  /** Told of each attempt that was noted. */
  readonly onAttempt?: (message: QueuedMessage, outcome: Outcome) => void;
  /** From 0 to 1, for the jitter. */
  readonly random?: () => number;
  readonly resolve?: Resolve;
  /** Of one attempt; 15 s unless given. */
  readonly timeoutMs?: number;
  /** How long attempts in hand go on after `stop`; 3 s unless given. */
  readonly stopMs?: number;
}

const STOP_MS = 3_000;

/** Attempts at once, of all webhooks and of one: so a few slow receivers never have them all. */
const MOST_AT_ONCE = 32;
const MOST_OF_ONE = 4;
/** An attempt, and time to note it. After a crash, messages in hand are sent again when this has passed. */
const LEASE_MS = 2 * ATTEMPT_MS + 15_000;
const LEAST_PAUSE_MS = 1000;
const HOUR = 3_600_000;
const KEEP_DELIVERED_MS = 7 * 24 * HOUR;
/** Of one commit, and how many of these: what is over waits for the next hour. */
const DROP_MOST = 1_000;
const DROP_COMMITS = 1_000;

interface Hook {
  readonly tenant: string;
  readonly webhook: string;
}

/** Sends what waits in the outbox: when woken, when an attempt has ended, and when the next message's time has come. */
export function createDeliveries(
  current: () => Services,
  onError: (error: unknown) => void,
  options: DeliveriesOptions = {},
): Deliveries {
  const { onAttempt, random = Math.random, resolve = systemResolve(), timeoutMs, stopMs = STOP_MS } = options;
  const stopping = new AbortController();
  const stop = stopping.signal;
  const sending = { random, resolve, stop, ...(timeoutMs !== undefined && { timeoutMs }) };
  const inHand = new Map<Promise<void>, Hook>();
  let looking: Promise<void> | undefined;
  let lookAgain = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let droppedAt = -Infinity;

  async function look(): Promise<void> {
    const services = current();
    const { outbox } = services.store;
    const now = services.now();
    if (now - droppedAt >= HOUR) {
      for (let commits = 0; commits < DROP_COMMITS; commits += 1) {
        if ((await outbox.dropDelivered(now - KEEP_DELIVERED_MS, DROP_MOST)) < DROP_MOST) break;
      }
      droppedAt = now;
    }
    while (!stopped && inHand.size < MOST_AT_ONCE) {
      // One webhook's share at a time: a claim of more could all be of the one.
      const limit = Math.min(MOST_OF_ONE, MOST_AT_ONCE - inHand.size);
      const claimed = await outbox.claim(now, now + LEASE_MS, limit, busy());
      for (const message of claimed) take(services, message);
      if (claimed.length === 0) return;
    }
  }

  /** A claim may overrun a webhook's share, by less than the share. */
  function busy(): Hook[] {
    const hooks = new Map<string, { hook: Hook; attempts: number }>();
    for (const hook of inHand.values()) {
      const name = JSON.stringify(hook);
      hooks.set(name, { hook, attempts: (hooks.get(name)?.attempts ?? 0) + 1 });
    }
    return Array.from(hooks.values())
      .filter(({ attempts }) => attempts >= MOST_OF_ONE)
      .map(({ hook }) => hook);
  }

  function take(services: Services, message: QueuedMessage): void {
    const { tenant, webhook } = message;
    const handling = handle(services, message)
      .catch(onError)
      .finally(() => {
        inHand.delete(handling);
        wake();
      });
    inHand.set(handling, { tenant, webhook });
  }

  async function handle(services: Services, message: QueuedMessage): Promise<void> {
    const outcome = await attempt(services, message, sending);
    if (await services.store.outbox.note(message, outcome)) onAttempt?.(message, outcome);
  }

  function wake(): void {
    if (stopped) return;
    lookAgain = true;
    looking ??= lookUntilQuiet();
  }

  async function lookUntilQuiet(): Promise<void> {
    clearTimeout(timer);
    let pause: number;
    do {
      lookAgain = false;
      pause = await look()
        .then(untilNext)
        .catch((error: unknown) => {
          onError(error);
          return intervalMs();
        });
      // Whoever wakes meanwhile sets it, which the types cannot see.
    } while ((lookAgain as boolean) && !stopped);
    looking = undefined;
    if (stopped) return;
    timer = setTimeout(wake, pause);
    timer.unref();
  }

  /** At least each interval: another process may replay messages. Never at once: what is due now waits for an attempt to end. */
  async function untilNext(): Promise<number> {
    const { store, now } = current();
    const next = await store.outbox.nextAttemptAt();
    const pause = next === undefined ? Infinity : next - now();
    return Math.min(Math.max(pause, LEAST_PAUSE_MS), intervalMs());
  }

  const intervalMs = (): number => current().config.jobs.intervalSeconds * 1000;

  return {
    wake,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      const late = setTimeout(() => stopping.abort(), stopMs);
      await looking;
      await Promise.all(inHand.keys());
      clearTimeout(late);
    },
  };
}
