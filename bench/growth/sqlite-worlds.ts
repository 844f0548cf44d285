import { createReadStream, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { finished } from 'node:stream/promises';
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts';
import { fillSqlite, knownInSqlite } from './fill-sqlite.ts';
import { addApiKeys } from './rows.ts';
import { KEPT_FROM, refreshDue, type World } from './world.ts';

export const sqlitePath = (folder: string, slots: number): string => join(folder, `sqlite-${slots}.db`);

/** Filled, unless the folder has it: each in its file. */
export async function sqliteWorlds(folder: string, sizes: readonly number[]): Promise<World[]> {
  const worlds: World[] = [];
  for (const slots of sizes) {
    const path = sqlitePath(folder, slots);
    const note = `${path}.json`;
    if (slots < KEPT_FROM || !existsSync(note)) {
      for (const end of ['', '-wal', '-shm', '.lock']) rmSync(`${path}${end}`, { force: true });
      const begun = performance.now();
      const filledAt = Date.now();
      await fillSqlite(`${path}.filling`, slots, filledAt);
      rmSync(`${path}.filling.lock`, { force: true });
      await rename(`${path}.filling`, path);
      writeFileSync(note, JSON.stringify({ filledAt }));
      console.log(
        `sqlite: ${slots} slots in ${((performance.now() - begun) / 1_000).toFixed(0)} s, ${(statSync(path).size / 1e9).toFixed(2)} GB`,
      );
    }
    const { filledAt } = JSON.parse(readFileSync(note, 'utf8')) as { filledAt: number };
    await warm(path);
    const known = knownInSqlite(path, slots, filledAt);
    const store = await openSqliteStore({ path, exclusive: true });
    await addApiKeys(store, filledAt);
    const world = { slots, filledAt, known, store, ...dueIn(path, slots) };
    await refreshDue(world, (sql) =>
      sqlite(path, (db) => db.prepare(sql.replaceAll('$1', '?1')).run(filledAt)),
    );
    worlds.push(world);
  }
  return worlds;
}

function dueIn(path: string, slots: number): Pick<World, 'makeDue' | 'countDue'> {
  return {
    makeDue: (count, at) =>
      sqlite(path, (db) => {
        // Those of the tenant that are `expired`, by their number in the fill.
        const some = Array.from({ length: count }, () => {
          const hundred = Math.floor((Math.random() * slots) / 100);
          return 100 * hundred + ([90, 91, 92, 94][Math.floor(Math.random() * 4)] ?? 90) + 1;
        });
        db.prepare(
          `UPDATE uploads SET next_check_at = ? - rowid % 1000
           WHERE rowid IN (SELECT value FROM json_each(?)) AND state = 'expired' AND forgotten_at IS NULL`,
        ).run(at, JSON.stringify(some));
      }),
    countDue: (at) =>
      sqlite(path, (db) =>
        Number(db.prepare('SELECT count(*) AS due FROM uploads WHERE next_check_at <= ?').get(at)?.['due']),
      ),
  };
}

async function sqlite<T>(path: string, work: (db: DatabaseSync) => T): Promise<T> {
  const db = new DatabaseSync(path, { timeout: 5_000 });
  try {
    return work(db);
  } finally {
    db.close();
  }
}

/** As on a machine whose memory holds the store: what a disk takes is not the store's. Of one that memory cannot hold, what was read last. */
async function warm(path: string): Promise<void> {
  await finished(createReadStream(path, { highWaterMark: 4 << 20 }).resume());
}
