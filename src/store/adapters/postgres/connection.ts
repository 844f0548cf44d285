import type { Socket } from 'node:net';
import type { Pool, PoolClient } from 'pg';
import type { ConnectionUse } from '../../port.ts';
import type { Row } from '../sql/rows.ts';
import { isConflict, unavailable } from './errors.ts';
import { Hosts } from './hosts.ts';
import type { PostgresStoreOptions, PostgresTimeouts } from './options.ts';
import type { Pg } from './package.ts';
import { createPool, isOfTurn } from './pool.ts';
import { ClientSession, type Session, type Values } from './session.ts';

export type { Session, Values } from './session.ts';

/** How often a transaction is tried that others were in the way of. */
const ATTEMPTS = 5;
/** For the goodbyes at the end. */
const CLOSE_MS = 2_000;

/**
 * A pool of connections. Every failure of the server, or on the way to it, is `DependencyUnavailable`; the connection then leaves the
 * pool, unless only the statement failed. After a COMMIT whose answer is lost nobody knows whether it took place: the same call with the
 * same idempotency key finds out.
 */
export class Connection {
  readonly #pool: Pool;
  readonly #hosts: Hosts;
  readonly #timeouts: PostgresTimeouts;
  readonly #sockets = new Set<Socket>();
  /** Connections that were made before one was lost are lost too, most likely: to a server that is gone, or takes no writes any more. */
  #age = 0;
  readonly #ages = new WeakMap<PoolClient, number>();

  constructor(pg: Pg, options: PostgresStoreOptions) {
    this.#timeouts = options.timeouts;
    this.#pool = createPool(pg, options, this.#sockets);
    this.#hosts = new Hosts(this.#pool, options);
    this.#pool.on('connect', (client) => this.#ages.set(client, this.#age));
  }

  /** Where new connections go. */
  get host(): string {
    return this.#hosts.current.host;
  }

  get use(): ConnectionUse {
    const { totalCount, idleCount: idle, waitingCount: waiting, options } = this.#pool;
    return { most: options.max, inUse: totalCount - idle, idle, waiting };
  }

  /** Without a transaction: each statement sees what is committed when it begins, and commits by itself what it changes. */
  read<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#use(work, this.#timeouts.wholeMs);
  }

  /** One statement, which commits by itself what it changes; again when another transaction was in its way. */
  one(sql: string, values?: Values): Promise<Row[]> {
    return again(() => this.#use((session) => session.all(sql, values), this.#timeouts.wholeMs));
  }

  /** One transaction around `work`, at READ COMMITTED; `work` runs again when another transaction was in its way. */
  write<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return again(() => this.#use((session) => transaction(session, work), this.#timeouts.wholeMs));
  }

  /** As `read`, for what may take long: only the server's timeouts apply, and `work` may set them. The connection is closed afterwards. */
  apart<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#use(work, undefined);
  }

  async close(): Promise<void> {
    if (this.#pool.ending) return;
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, CLOSE_MS);
    await this.#pool.end();
    // The pool has said goodbye; a peer that is gone does not answer.
    while (this.#sockets.size > 0) await closed(this.#sockets);
    clearTimeout(timer);
  }

  async #use<T>(work: (session: Session) => Promise<T>, wholeMs: number | undefined): Promise<T> {
    const client = await this.#client();
    const session = new ClientSession(client);
    // The pool does not listen while a call has the connection, and the statement under way fails anyhow.
    const lost = (): void => {
      session.isLost = true;
    };
    client.on('error', lost);
    // Destroys the socket under a statement that has no answer.
    const deadline = wholeMs === undefined ? undefined : setTimeout(() => void client.end(), wholeMs);
    try {
      return await work(session);
    } finally {
      clearTimeout(deadline);
      client.off('error', lost);
      if (session.isLost) this.#age += 1;
      client.release(session.isLost || wholeMs === undefined);
    }
  }

  async #client(): Promise<PoolClient> {
    for (let tried = 1; ;) {
      const host = this.#hosts.current;
      let client: PoolClient;
      try {
        client = await this.#pool.connect();
      } catch (error) {
        if (!isOfTurn(error)) this.#hosts.moveOn(host);
        if (isOfTurn(error) || tried === this.#hosts.count) throw unavailable(error);
        tried += 1;
        continue;
      }
      if (this.#ages.get(client) === this.#age) return client;
      client.release(true);
    }
  }
}

async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !isConflict(error)) throw error;
    }
  }
}

async function transaction<T>(session: Session, work: (session: Session) => Promise<T>): Promise<T> {
  await session.script('BEGIN');
  let result: T;
  try {
    result = await work(session);
  } catch (error) {
    // A failure here is of a connection that is lost, and the server has rolled back then.
    await session.script('ROLLBACK').catch(() => undefined);
    throw error;
  }
  // A transaction in which a statement has failed answers a COMMIT with ROLLBACK, and no error.
  if ((await session.script('COMMIT')) !== 'COMMIT') throw unavailable(new Error('rolled back at COMMIT'));
  return result;
}

function closed(sockets: ReadonlySet<Socket>): Promise<unknown> {
  return Promise.all([...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
}
