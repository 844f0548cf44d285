/** One process that serves from the store, as it last said. */
export interface Replica {
  /** Random, made anew at each start. */
  readonly id: string;
  /** The names of its wrappers. */
  readonly wrappers: readonly string[];
  /** The KEKs that it holds; that which wraps new keys comes first. */
  readonly keks: readonly KekName[];
  /** When it said so, milliseconds since the epoch by its own clock. */
  readonly at: number;
}

export interface KekName {
  readonly wrapperId: string;
  readonly kekId: string;
}

/**
 * Work that one process at a time does, by name, where no row of its own says so. Who dies lets go when the lease ends. Not a lock that
 * something may rely on: a process that sleeps too long has lost its lease and does not know.
 */
export interface LeaseStore {
  /**
   * One commit: `holder` has the lease until `until`, unless another has it at `now`. The same holder renews its own.
   * @returns whether it has it.
   */
  take(name: string, holder: string, now: number, until: number): Promise<boolean>;
  /** Lets go at once; nothing when another has it. */
  release(name: string, holder: string): Promise<void>;
  /**
   * Drops leases that have ended at `now`, `limit` at most, and none that another caller is dropping.
   * @returns how many.
   */
  dropEnded(now: number, limit: number): Promise<number>;
}
