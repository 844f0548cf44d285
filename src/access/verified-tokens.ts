import { hash } from 'node:crypto';

/** In each of two generations. One is less than a kilobyte: whoever has very many good tokens fills some megabytes, and no more. */
const MOST = 5_000;

/** When a token is good: as in its claims, in seconds. */
export interface Lifetime {
  readonly exp: number;
  readonly nbf: number | undefined;
}

/** As `jose` decides it. @param now milliseconds since the epoch. */
export function isGoodAt({ exp, nbf = -Infinity }: Lifetime, now: number, toleranceSeconds = 0): boolean {
  const seconds = Math.floor(now / 1000);
  return exp > seconds - toleranceSeconds && nbf <= seconds + toleranceSeconds;
}

/** A token's name here. A token by which somebody could come is kept nowhere. */
export function tokenName(token: string): string {
  return hash('sha256', token, 'base64');
}

/**
 * What was found out about tokens that are good. A token that is not good is never kept, so it can put none out of here. Those in use stay:
 * what is asked for is taken over from the old generation when the young one has become too many, and the rest falls.
 */
export class VerifiedTokens<Verdict> {
  readonly #most: number;
  #young = new Map<string, Verdict>();
  #old: ReadonlyMap<string, Verdict> = new Map();

  constructor(most = MOST) {
    this.#most = most;
  }

  /** How many there are. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(name: string): Verdict | undefined {
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const old = this.#old.get(name);
    if (old !== undefined) this.set(name, old);
    return old;
  }

  set(name: string, verdict: Verdict): void {
    if (this.#young.size >= this.#most) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, verdict);
  }
}
