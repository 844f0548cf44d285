import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { DependencyUnavailable } from '../../../errors.ts';

export const BUSY_TIMEOUT_MS = 5000;

/** For readers of this process, which are done soon. */
const SCRUB_PATIENCE_MS = 20;

/** A connection of a store: transactions, error mapping, scrubbing. */
export class Connection {
  protected readonly db: DatabaseSync;
  protected readonly begin: StatementSync;
  protected readonly commit: StatementSync;
  #scrubDue = false;

  constructor(db: DatabaseSync) {
    this.db = db;
    this.begin = db.prepare('BEGIN IMMEDIATE');
    this.commit = db.prepare('COMMIT');
  }

  prepare(sql: string): StatementSync {
    return this.db.prepare(sql);
  }

  exec(sql: string): void {
    this.db.exec(sql);
  }

  /** A single SELECT. */
  async read<T>(work: () => T): Promise<T> {
    try {
      return work();
    } catch (error) {
      throw mapped(error);
    }
  }

  /** One transaction around `work`. */
  async write<T>(work: () => T): Promise<T> {
    try {
      return this.transaction(work);
    } catch (error) {
      throw mapped(error);
    }
  }

  /**
   * An explicit transaction even around one statement: the autocommit of a statement with RETURNING happens when it is reset, where
   * node:sqlite does not look for a failure. A failing COMMIT throws.
   */
  transaction<T>(work: () => T): T {
    this.begin.run();
    try {
      const result = work();
      this.commit.run();
      return result;
    } catch (error) {
      // SQLite has itself rolled back after some failures (disk full, I/O).
      if (this.db.isTransaction) this.db.exec('ROLLBACK');
      throw error;
    }
  }

  /**
   * Empties the WAL, which still holds the bytes that a committed transaction has overwritten. Best effort: when a reader is in the
   * way longer than a read of this process takes, nothing waits for it, and `scrubIfDue` tries again.
   */
  scrub(): void {
    this.#scrubDue = true;
    try {
      this.db.exec(`PRAGMA busy_timeout = ${SCRUB_PATIENCE_MS}`);
      const row = this.db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
      this.#scrubDue = row?.['busy'] !== 0;
    } catch {
      // What was to be committed is committed; the scrub stays due.
    } finally {
      this.db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
  }

  /** For what is not worth emptying the WAL at once. */
  scrubLater(): void {
    this.#scrubDue = true;
  }

  scrubIfDue(): void {
    if (this.#scrubDue) this.scrub();
  }

  close(): void {
    if (!this.db.isOpen) return;
    // Of a command beside the service: nobody else knows that it is due.
    this.scrubIfDue();
    this.db.close();
  }
}

/** The result codes that are told apart: sqlite.org/rescode.html. */
export const SQLITE = { BUSY: 5, READONLY: 8, CORRUPT: 11, FULL: 13, NOTADB: 26 } as const;

/** SQLite's primary result code, if this is an error of SQLite. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error && 'errcode' in error && typeof error.errcode === 'number')) return undefined;
  return error.errcode & 0xff;
}

/** What the port says for a failure of SQLite, or of a connection that is closed. */
export function mapped(error: unknown): unknown {
  const closed = error instanceof Error && 'code' in error && error.code === 'ERR_INVALID_STATE';
  return closed || sqliteCode(error) !== undefined ? new DependencyUnavailable('store', error) : error;
}
