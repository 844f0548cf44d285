import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Store } from '../../../port.ts';
import { Connection, mapped } from '../connection.ts';
import type { Call, Outcome } from './calls.ts';
import { tell } from './errors.ts';

/** Many transactions in one: what each of them does stands in a savepoint of one commit. */
export class GroupConnection extends Connection {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #savepoint: StatementSync;
  readonly #release: StatementSync;
  #isGroup = false;
  #isBegun = false;
  #scrubAsked = false;
  /** Why nothing of the group can be kept. */
  #lost: { readonly why: unknown } | undefined;

  constructor(db: DatabaseSync) {
    super(db);
    this.#db = db;
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#savepoint = db.prepare('SAVEPOINT one');
    this.#release = db.prepare('RELEASE one');
  }

  /** Begun by the first that writes: where none does, nothing is locked. */
  override transaction<T>(work: () => T): T {
    if (!this.#isGroup) return super.transaction(work);
    if (this.#lost) throw this.#lost.why;
    if (!this.#isBegun) this.#losing(() => this.#begin.run());
    this.#isBegun = true;
    this.#losing(() => this.#savepoint.run());
    try {
      const result = work();
      this.#release.run();
      return result;
    } catch (error) {
      // SQLite has itself rolled back after some failures (disk full, I/O): then the others' work is gone too.
      if (!this.#db.isTransaction) this.#lost = { why: error };
      else this.#losing(() => this.#db.exec('ROLLBACK TO one; RELEASE one'));
      throw error;
    }
  }

  /** The WAL cannot be emptied while a transaction goes on. */
  override scrub(): void {
    if (this.#isGroup) this.#scrubAsked = true;
    else super.scrub();
  }

  /**
   * One commit around `work`, and then what scrubs it asked for.
   * @throws when nothing of it was committed.
   */
  async group<T>(work: () => Promise<T>): Promise<T> {
    this.#isGroup = true;
    try {
      const result = await work();
      if (this.#lost) throw this.#lost.why;
      if (this.#isBegun) this.#commit.run();
      return result;
    } finally {
      this.#isGroup = false;
      this.#isBegun = false;
      this.#lost = undefined;
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      if (this.#scrubAsked) super.scrub();
      this.#scrubAsked = false;
    }
  }

  #losing(step: () => unknown): void {
    try {
      step();
    } catch (error) {
      this.#lost = { why: error };
      throw error;
    }
  }
}

/**
 * Runs the calls in their order, each seeing what those before it did, and commits once. A call that is refused takes nothing of the others
 * with it. When the commit fails, all fail, also those that were refused: what they were told was of a state that never was.
 */
export async function runGroup(
  connection: GroupConnection,
  store: Store,
  calls: readonly Call[],
): Promise<Outcome[]> {
  try {
    return await connection.group(async () => {
      const outcomes: Outcome[] = [];
      for (const call of calls) outcomes.push(await outcomeOf(store, call));
      return outcomes;
    });
  } catch (error) {
    const failure = tell(mapped(error));
    return calls.map(() => [undefined, failure]);
  }
}

async function outcomeOf(store: Store, { port, method, args }: Call): Promise<Outcome> {
  try {
    const target = port === undefined ? store : store[port];
    const named = Reflect.get(target, method) as (...args: readonly unknown[]) => Promise<unknown>;
    return [await named(...args)];
  } catch (error) {
    return [undefined, tell(error)];
  }
}
