import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Store } from '../../../port.ts';
import { Connection, mapped } from '../connection.ts';
import type { Call, Outcome } from './calls.ts';
import { tell } from './errors.ts';

/** Something was written by a transaction that is to be taken back, and there is no savepoint before it. */
class SavepointNeeded extends Error {}

/** Many transactions in one commit. */
export class GroupConnection extends Connection {
  readonly #changes: StatementSync;
  #group: 'none' | 'plain' | 'savepoints' = 'none';
  #isBegun = false;
  #scrubAsked = false;
  /** Why nothing of the group can be kept. */
  #lost: { readonly why: unknown } | undefined;

  constructor(db: DatabaseSync) {
    super(db);
    this.#changes = db.prepare('SELECT total_changes() AS changes');
  }

  /** The first of a group that writes begins: where none does, nothing is locked. */
  override transaction<T>(work: () => T): T {
    if (this.#group === 'none') return super.transaction(work);
    if (this.#lost) throw this.#lost.why;
    if (!this.#isBegun) this.#losing(() => this.begin.run());
    this.#isBegun = true;
    return this.#group === 'savepoints' ? this.#inSavepoint(work) : this.#plainly(work);
  }

  #plainly<T>(work: () => T): T {
    const before = this.#changes.get()?.['changes'];
    try {
      return work();
    } catch (error) {
      // SQLite has itself rolled back after some failures (disk full, I/O): then the others' work is gone too.
      if (!this.db.isTransaction) this.#lost = { why: error };
      else if (this.#changes.get()?.['changes'] !== before) this.#lost = { why: new SavepointNeeded() };
      throw error;
    }
  }

  #inSavepoint<T>(work: () => T): T {
    this.#losing(() => this.db.exec('SAVEPOINT one'));
    try {
      const result = work();
      this.db.exec('RELEASE one');
      return result;
    } catch (error) {
      if (!this.db.isTransaction) this.#lost = { why: error };
      else this.#losing(() => this.db.exec('ROLLBACK TO one; RELEASE one'));
      throw error;
    }
  }

  /** The WAL cannot be emptied while a transaction goes on. */
  override scrub(): void {
    if (this.#group === 'none') super.scrub();
    else this.#scrubAsked = true;
  }

  /**
   * One commit around `work`, which may run twice: a savepoint costs a copy of each page that is written after it, so they are only set
   * when one was missed. Then what scrubs it asked for.
   * @throws when nothing of it was committed.
   */
  async group<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.#once('plain', work);
    } catch (error) {
      if (!(error instanceof SavepointNeeded)) throw error;
      return await this.#once('savepoints', work);
    }
  }

  async #once<T>(kind: 'plain' | 'savepoints', work: () => Promise<T>): Promise<T> {
    this.#group = kind;
    let isCommitted = false;
    try {
      const result = await work();
      if (this.#lost) throw this.#lost.why;
      if (this.#isBegun) this.commit.run();
      isCommitted = true;
      return result;
    } finally {
      this.#group = 'none';
      this.#isBegun = false;
      this.#lost = undefined;
      if (this.db.isTransaction) this.db.exec('ROLLBACK');
      const scrubs = this.#scrubAsked && isCommitted;
      this.#scrubAsked = false;
      if (scrubs) super.scrub();
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
