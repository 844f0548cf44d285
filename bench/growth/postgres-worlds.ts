import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openPostgresStore } from '../../src/store/adapters/postgres.ts';
import { startPostgres, type Postgres, type PostgresDatabase } from '../../test/support/postgres.ts';
import { fillPostgres, knownIn, tableSizes } from './fill-postgres.ts';
import { optionsFor } from './options.ts';
import { addApiKeys } from './rows.ts';
import { warmFolder } from './warm.ts';
import { KEPT_FROM, tidy, type World } from './world.ts';

export interface PostgresWorld extends World {
  readonly database: PostgresDatabase;
}

export interface PostgresWorlds {
  readonly postgres: Postgres;
  /** What the server logs. */
  readonly log: string[];
  readonly worlds: readonly PostgresWorld[];
}

type Kept = Record<string, { readonly name: string; readonly filledAt: number }>;

/** Filled, unless the folder has it: each a database of one server. */
export async function postgresWorlds(
  folder: string,
  sizes: readonly number[],
  sharedBuffers: string,
): Promise<PostgresWorlds> {
  const log: string[] = [];
  const cluster = join(folder, 'postgres');
  mkdirSync(cluster, { recursive: true });
  const postgres = await startPostgres({
    log: (line) => log.push(line),
    folder: cluster,
    settings: [
      `shared_buffers = '${sharedBuffers}'`,
      "effective_cache_size = '8GB'",
      "max_wal_size = '16GB'",
      "checkpoint_timeout = '30min'",
      'random_page_cost = 1.1',
      // To fill; afterwards all is as ever.
      'fsync = off',
      'wal_level = minimal',
      'max_wal_senders = 0',
    ],
  });
  const note = join(folder, 'postgres.json');
  const kept: Kept = existsSync(note) ? (JSON.parse(readFileSync(note, 'utf8')) as Kept) : {};
  for (const slots of sizes) {
    if (kept[slots] !== undefined && slots >= KEPT_FROM) continue;
    const database = await postgres.createDatabase();
    const filledAt = Date.now();
    await fill(postgres, database, slots, filledAt);
    kept[slots] = { name: database.name, filledAt };
    writeFileSync(note, JSON.stringify(kept));
  }
  await postgres.stopImmediately();
  execFileSync('sync');
  await warmFolder(join(postgres.dataFolder, 'base'));
  await postgres.start(
    [
      ...['fsync=on', 'wal_level=replica', 'shared_preload_libraries=auto_explain'],
      ...['auto_explain.log_analyze=on', 'auto_explain.log_buffers=on', 'auto_explain.log_timing=off'],
      'auto_explain.log_format=json',
    ].flatMap((setting) => ['-c', setting]),
  );
  const worlds: PostgresWorld[] = [];
  for (const slots of sizes) {
    const { name = '', filledAt = 0 } = kept[slots] ?? {};
    const database = postgres.database(name);
    const known = await knownIn(database, slots, filledAt);
    const store = await openPostgresStore(await optionsFor(postgres, database));
    await addApiKeys(store, filledAt);
    const world: PostgresWorld = {
      slots,
      filledAt,
      known,
      store,
      database,
      run: (sql) => database.query(sql),
    };
    await tidy(world);
    await database.query('VACUUM (ANALYZE) uploads, keys, idempotency');
    worlds.push(world);
  }
  return { postgres, log, worlds };
}

async function fill(
  postgres: Postgres,
  database: PostgresDatabase,
  slots: number,
  filledAt: number,
): Promise<void> {
  const store = await openPostgresStore(await optionsFor(postgres, database));
  await store.close();
  const begun = performance.now();
  await fillPostgres(database, slots, filledAt);
  console.log(`postgres: ${slots} slots in ${((performance.now() - begun) / 1_000).toFixed(0)} s`);
  for (const { table, rows, tableBytes, indexBytes } of await tableSizes(database))
    console.log(
      `  ${table}: ${rows} rows, ${(tableBytes / rows).toFixed(0)} + ${(indexBytes / rows).toFixed(0)} bytes each in table and indexes, ` +
        `${((tableBytes + indexBytes) / 1e9).toFixed(2)} GB`,
    );
}
