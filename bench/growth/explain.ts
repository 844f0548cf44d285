import { openPostgresStore } from '../../src/store/adapters/postgres.ts';
import type { PostgresDatabase } from '../../test/support/postgres.ts';
import { waitUntil } from '../../test/support/processes.ts';
import { operationsOn } from './operations.ts';
import { optionsFor } from './options.ts';
import { plansIn, summed, type Seen } from './plans.ts';
import type { PostgresWorld, PostgresWorlds } from './postgres-worlds.ts';
import { newSlot, recordOf } from './rows.ts';

/** After five of its kind a prepared statement may get a plan for all values; that one is read. */
const PLANNED_AFTER = 8;
const CREATED = 5_000;
const AT_ONCE = 50;

/** What each operation's statements look at, one call each. On a connection of its own, since the log takes its time. */
export async function explain(
  { postgres, log }: Pick<PostgresWorlds, 'postgres' | 'log'>,
  { database, known, filledAt }: PostgresWorld,
): Promise<Map<string, Seen>> {
  const logged = async (mark: string): Promise<void> => {
    const text = `${mark} ${Math.random()}`;
    await database.query(`SELECT '${text}'`);
    await waitUntil('the log of the server', () => log.some((line) => line.includes(text)));
  };
  const minimum = (duration: number): Promise<unknown> =>
    database.query(`ALTER DATABASE ${database.name} SET auto_explain.log_min_duration = ${duration}`);
  await minimum(0);
  const seen = new Map<string, Seen>();
  const store = await openPostgresStore({ ...(await optionsFor(postgres, database)), connections: 1 });
  for (const { name, run } of operationsOn(store, known, filledAt)) {
    for (let count = 0; count < PLANNED_AFTER; count += 1) await run();
    await logged('begin of the call');
    log.length = 0;
    await run();
    await logged('end of the call');
    seen.set(name, summed(plansIn(log)));
  }
  await store.close();
  await minimum(-1);
  return seen;
}

/** What many slots write after a checkpoint. */
export async function sayWal({ slots, store, database }: PostgresWorld): Promise<void> {
  await database.query('CHECKPOINT');
  const before = await walOf(database);
  for (let count = 0; count < CREATED; count += AT_ONCE)
    await Promise.all(
      Array.from({ length: AT_ONCE }, () => {
        const slot = newSlot(Date.now());
        return store.uploads.insert([slot], recordOf(slot, Date.now()), Date.now());
      }),
    );
  const after = await walOf(database);
  console.log(
    `${slots}: ${CREATED} slots, made ${AT_ONCE} at once after a checkpoint, wrote ${((after.bytes - before.bytes) / CREATED).toFixed(0)} bytes of WAL each, ` +
      `${after.pages - before.pages} whole pages among them`,
  );
}

async function walOf(database: PostgresDatabase): Promise<{ bytes: number; pages: number }> {
  const [row] = await database.query(
    `SELECT pg_current_wal_lsn() - '0/0' AS bytes, wal_fpi AS pages FROM pg_stat_wal`,
  );
  return { bytes: Number(row?.['bytes']), pages: Number(row?.['pages']) };
}
