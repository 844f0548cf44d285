import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts';
import { fillSqlite, knownInSqlite } from './fill-sqlite.ts';
import { addApiKeys } from './rows.ts';
import { warm } from './warm.ts';
import { KEPT_FROM, tidy, type World } from './world.ts';

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
    const world: World = { slots, filledAt, known, store, run: (sql) => runIn(path, sql) };
    await tidy(world);
    worlds.push(world);
  }
  return worlds;
}

async function runIn(path: string, sql: string): Promise<Record<string, unknown>[]> {
  const db = new DatabaseSync(path, { timeout: 5_000 });
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
}
