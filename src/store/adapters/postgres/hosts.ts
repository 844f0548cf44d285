import type { Pool } from 'pg';
import type { PostgresStoreOptions } from './options.ts';

type Host = Pick<PostgresStoreOptions, 'host' | 'port'>;

/** Where the next connection of a pool goes: where the last one went, and when that failed to the next host. */
export class Hosts {
  readonly #pool: Pool;
  readonly #all: readonly Host[];
  readonly #ssl: Pool['options']['ssl'];
  #current: Host;

  constructor(pool: Pool, { host, port, others = [] }: PostgresStoreOptions) {
    this.#pool = pool;
    this.#current = { host, port };
    this.#all = [this.#current, ...others];
    this.#ssl = pool.options.ssl;
    this.#go();
  }

  get count(): number {
    return this.#all.length;
  }

  get current(): Host {
    return this.#current;
  }

  /** @param failed of several calls that failed at one host, the first moves on. */
  moveOn(failed: Host): void {
    if (failed !== this.#current) return;
    this.#current = this.#all[(this.#all.indexOf(failed) + 1) % this.#all.length] ?? failed;
    this.#go();
  }

  /** The pool makes each client of its options as they are then. Over a Unix socket there is no TLS. */
  #go(): void {
    const { host, port } = this.#current;
    Object.assign(this.#pool.options, { host, port, ssl: host.startsWith('/') ? false : this.#ssl });
  }
}
