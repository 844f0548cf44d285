import type { Clock } from '../clock.ts';
import type { CustomerKey } from './customer-key.ts';
import type { IntermediateKey } from './intermediate.ts';

export interface CacheLimits {
  readonly maxAgeSeconds: number;
  readonly maxUses: number;
}

/** An intermediate key, unwrapped. It is erased when it leaves the cache: use it at once, with no await in between. */
export interface OpenIntermediate {
  readonly meta: IntermediateKey;
  readonly key: CustomerKey;
}

interface Entry extends OpenIntermediate {
  readonly endsAt: number;
  readonly refreshAt: number;
  pausedUntil: number;
  usesLeft: number;
}

/** How long a KEK that did not answer is let alone, where nobody waits for its answer. */
export function retryPauseMs({ maxAgeSeconds }: CacheLimits): number {
  return Math.max(1000, (maxAgeSeconds * 1000) / 60);
}

/** How much of its life or uses an entry has left when it is refreshed ahead. */
const AHEAD = 0.2;

/** Unwrapped intermediate keys by id, for `maxAgeSeconds` and `maxUses` at most. */
export class IntermediateCache {
  readonly #limits: CacheLimits;
  readonly #uptime: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #sweeper: NodeJS.Timeout;

  constructor(limits: CacheLimits, uptime: Clock) {
    this.#limits = limits;
    this.#uptime = uptime;
    // An entry that nobody asks for any more must go as well.
    this.#sweeper = setInterval(() => this.#sweep(), Math.min(limits.maxAgeSeconds * 1000, 60_000)).unref();
  }

  put({ meta, key }: OpenIntermediate): void {
    this.drop(meta.id);
    const now = this.#uptime();
    const { maxAgeSeconds, maxUses } = this.#limits;
    const life = maxAgeSeconds * 1000;
    const refreshAt = now + life * (1 - AHEAD);
    this.#entries.set(meta.id, {
      meta,
      key,
      endsAt: now + life,
      refreshAt,
      pausedUntil: 0,
      usesLeft: maxUses,
    });
  }

  /** One use. @returns undefined when it is not here, or its time or its uses are over. */
  use(id: string): OpenIntermediate | undefined {
    const entry = this.#entries.get(id);
    if (!entry) return undefined;
    if (this.#uptime() >= entry.endsAt || entry.usesLeft <= 0) {
      this.drop(id);
      return undefined;
    }
    entry.usesLeft -= 1;
    return entry;
  }

  /** Whether the KEK should be asked again already. Says so once, and after a pause again if nobody has put a fresh one. */
  wantsRefresh(id: string): boolean {
    const entry = this.#entries.get(id);
    if (!entry) return false;
    const now = this.#uptime();
    const isDue = now >= entry.refreshAt || entry.usesLeft < this.#limits.maxUses * AHEAD;
    if (!isDue || now < entry.pausedUntil) return false;
    entry.pausedUntil = now + retryPauseMs(this.#limits);
    return true;
  }

  drop(id: string): void {
    this.#entries.get(id)?.key.erase();
    this.#entries.delete(id);
  }

  close(): void {
    clearInterval(this.#sweeper);
    for (const id of [...this.#entries.keys()]) this.drop(id);
  }

  #sweep(): void {
    const now = this.#uptime();
    for (const [id, { endsAt }] of this.#entries) if (now >= endsAt) this.drop(id);
  }
}
