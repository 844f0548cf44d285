/**
 * Does a slot, a page of the list and a step of the reaper cost the same with ten million slots as with ten thousand? Fills a PostgreSQL of its
 * own, measures each use case of the store, and reads the plans of all statements: `npm run bench:growth -- --sizes 10000,10000000`. Ten
 * million take about 15 GB of disk and some minutes to fill.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { openPostgresStore } from '../src/store/adapters/postgres.ts';
import { waitUntil } from '../test/support/processes.ts';
import { startPostgres, type PostgresDatabase } from '../test/support/postgres.ts';
import { fillPostgres, knownIn, tableSizes } from './growth/fill-postgres.ts';
import { measure, type Measured } from './growth/measure.ts';
import { operationsOn } from './growth/operations.ts';
import { plansIn, summed, type Seen } from './growth/plans.ts';
import { newSlot, recordOf } from './growth/rows.ts';
import { optionsFor } from './growth/options.ts';

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '10000,10000000' },
    times: { type: 'string', default: '300' },
    'shared-buffers': { type: 'string', default: '2GB' },
  },
});
const sizes = values.sizes.split(',').map(Number);
const times = Number(values.times);
/** After five of its kind a prepared statement may get a plan for all values; that one is read. */
const PLANNED_AFTER = 8;

const CREATED = 5_000;
const AT_ONCE = 50;

const log: string[] = [];
await using postgres = await startPostgres({
  log: (line) => log.push(line),
  settings: [
    `shared_buffers = '${values['shared-buffers']}'`,
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

interface Row extends Measured, Seen {
  readonly name: string;
}
const results = new Map<number, Row[]>();

/** Waits until the server has logged all that went before. */
async function logHas(database: PostgresDatabase, mark: string): Promise<void> {
  const text = `${mark} ${Math.random()}`;
  await database.query(`SELECT '${text}'`);
  await waitUntil('the log of the server', () => log.some((line) => line.includes(text)));
}

async function walOf(
  database: PostgresDatabase,
  work: () => Promise<void>,
): Promise<{ bytes: number; pages: number }> {
  const ask = async () => {
    const [row] = await database.query(
      `SELECT pg_current_wal_lsn() - '0/0' AS bytes, wal_fpi AS pages FROM pg_stat_wal`,
    );
    return { bytes: Number(row?.['bytes']), pages: Number(row?.['pages']) };
  };
  await database.query('CHECKPOINT');
  const before = await ask();
  await work();
  const after = await ask();
  return { bytes: after.bytes - before.bytes, pages: after.pages - before.pages };
}

const databases = [];
for (const slots of sizes) {
  const database = await postgres.createDatabase();
  const store = await openPostgresStore(await optionsFor(postgres, database));
  await store.close();
  const begun = performance.now();
  const filledAt = Date.now();
  await fillPostgres(database, slots, filledAt);
  console.log(`${slots} slots in ${((performance.now() - begun) / 1_000).toFixed(0)} s`);
  for (const { table, rows, tableBytes, indexBytes } of await tableSizes(database))
    console.log(
      `  ${table}: ${rows} rows, ${(tableBytes / rows).toFixed(0)} + ${(indexBytes / rows).toFixed(0)} bytes each in table and indexes, ` +
        `${((tableBytes + indexBytes) / 1e9).toFixed(2)} GB`,
    );
  databases.push({ slots, database, filledAt });
}

await postgres.stopImmediately();
execFileSync('sync');
await postgres.start([
  ...['-c', 'fsync=on', '-c', 'wal_level=replica', '-c', 'shared_preload_libraries=auto_explain'],
  ...[
    '-c',
    'auto_explain.log_analyze=on',
    '-c',
    'auto_explain.log_buffers=on',
    '-c',
    'auto_explain.log_timing=off',
  ],
  ...['-c', 'auto_explain.log_format=json'],
]);

for (const { slots, database, filledAt } of databases) {
  const now = (): number => filledAt;
  const known = await knownIn(database, slots);
  const options = await optionsFor(postgres, database);

  // Plans first, of calls that nothing has gone before. On connections of their own, since the log takes its time.
  const explain = (minimum: number): Promise<unknown> =>
    database.query(`ALTER DATABASE ${database.name} SET auto_explain.log_min_duration = ${minimum}`);
  await explain(0);
  const seen: Seen[] = [];
  const explained = await openPostgresStore({ ...options, connections: 1 });
  for (const operation of operationsOn(explained, known, now)) {
    for (let count = 0; count < PLANNED_AFTER; count += 1) await operation.run();
    await logHas(database, 'begin of the call');
    log.length = 0;
    await operation.run();
    await logHas(database, 'end of the call');
    seen.push(summed(plansIn(log)));
  }
  await explained.close();
  await explain(-1);

  const store = await openPostgresStore(options);
  const timed: Measured[] = [];
  const purgeable = known.purgeable.slice(PLANNED_AFTER + 1);
  for (const operation of operationsOn(store, { ...known, purgeable }, now))
    timed.push(await measure(operation, times));
  const { bytes, pages } = await walOf(database, async () => {
    for (let count = 0; count < CREATED; count += AT_ONCE)
      await Promise.all(
        Array.from({ length: AT_ONCE }, () => {
          const slot = newSlot(Date.now());
          return store.uploads.insert([slot], recordOf(slot, Date.now()), Date.now());
        }),
      );
  });
  console.log(
    `${slots}: ${CREATED} slots, made ${AT_ONCE} at once after a checkpoint, wrote ${(bytes / CREATED).toFixed(0)} bytes of WAL each, ${pages} whole pages among them`,
  );
  const rows = operationsOn(store, known, now).flatMap(({ name }, index) => {
    const [times, plan] = [timed[index], seen[index]];
    return times && plan ? [{ name, ...times, ...plan }] : [];
  });
  results.set(slots, rows);
  await store.close();
}

const heads = sizes.flatMap((slots) =>
  ['median', 'p99', 'pages', 'passed'].map((name) => `${name} at ${slots}`),
);
console.log(`\n| use case | ${heads.join(' | ')} | scans |`);
console.log(`| --- |${heads.map(() => ' ---: |').join('')} --- |`);
for (const [index, { name }] of (results.get(sizes[0] ?? 0) ?? []).entries()) {
  const rows = sizes.flatMap((slots) => results.get(slots)?.[index] ?? []);
  const cells = rows.flatMap(({ median, p99, pages, passed }) => [
    median.toFixed(2),
    p99.toFixed(2),
    String(pages),
    String(passed),
  ]);
  console.log(`| ${name} | ${cells.join(' | ')} | ${rows.at(-1)?.scans.join(', ') ?? ''} |`);
}
