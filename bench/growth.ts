/**
 * Does the store cost the same with ten million slots as with ten thousand? Fills stores, measures each use case on all sizes in turn, and tells
 * how many times longer it took than on the first: `npm run bench:growth`, or with `--rows 10000,1000000,10000000`. Ten million take some
 * minutes to fill, and 10 GB (SQLite) or 15 GB (PostgreSQL) of disk, below `--keep FOLDER` for further runs. See docs/scaling.md.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openPostgresStore } from '../src/store/adapters/postgres.ts';
import { openSqliteStore } from '../src/store/adapters/sqlite.ts';
import { explain, sayWal } from './growth/explain.ts';
import { operationsOn } from './growth/operations.ts';
import { optionsFor } from './growth/options.ts';
import { postgresWorlds } from './growth/postgres-worlds.ts';
import { plansTable, tableOf, type Row } from './growth/report.ts';
import { measureInRounds } from './growth/rounds.ts';
import { measureServing } from './growth/serving.ts';
import { sqlitePath, sqliteWorlds } from './growth/sqlite-worlds.ts';
import type { World } from './growth/world.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000,1000000' },
    stores: { type: 'string', default: 'sqlite,postgres' },
    rounds: { type: 'string', default: '10' },
    /** A regular expression: only use cases whose name it finds. */
    only: { type: 'string', default: '' },
    /** Filled stores are kept here, and found again. */
    keep: { type: 'string' },
    /** Only fills. */
    fill: { type: 'boolean', default: false },
    /** Also reads what PostgreSQL's statements look at. */
    plans: { type: 'boolean', default: false },
    /** In place of the use cases: the event loop of a service on the largest store, while its jobs and `rewrap` run. */
    serving: { type: 'boolean', default: false },
    'shared-buffers': { type: 'string', default: '2GB' },
  },
});
const sizes = values.rows.split(',').map(Number);
const stores = values.stores.split(',');
const rounds = Number(values.rounds);
const only = new RegExp(values.only);
const folder =
  values.keep === undefined ? mkdtempSync(join(tmpdir(), 'sealslot-growth-')) : resolve(values.keep);

console.log(
  `${cpus().length} × ${cpus()[0]?.model ?? '?'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}, ` +
    `load ${loadavg()[0]?.toFixed(1)}; µs a call, KiB read from files and sockets a call\n`,
);
try {
  for (const kind of stores) await measureStore(kind);
} finally {
  if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
}

async function measureStore(kind: string): Promise<void> {
  if (kind === 'sqlite') {
    const worlds = await sqliteWorlds(folder, sizes);
    if (!values.fill && !values.serving) await measureUseCases(kind, worlds);
    await closeAll(worlds);
    if (values.serving) {
      const world = largest(worlds);
      const open = () => openSqliteStore({ path: sqlitePath(folder, world.slots), exclusive: false });
      await measureServing({ kind, folder, world, open });
    }
    return;
  }
  if (kind !== 'postgres')
    throw new Error(`--stores ${kind}: must be sqlite, postgres, or both with a comma between`);
  const opened = await postgresWorlds(folder, sizes, values['shared-buffers']);
  const { worlds, postgres } = opened;
  try {
    if (values.plans) {
      const seen = [];
      for (const world of worlds) seen.push(await explain(opened, world));
      console.log(`\n${plansTable(sizes, seen)}\n`);
      for (const world of worlds) await sayWal(world);
    }
    if (!values.fill && !values.serving) await measureUseCases(kind, worlds);
    await closeAll(worlds);
    if (values.serving) {
      const world = largest(worlds);
      const open = async () => openPostgresStore(await optionsFor(postgres, world.database));
      await measureServing({ kind, folder, world, open, postgres });
    }
  } finally {
    await postgres.stop();
  }
}

async function measureUseCases(kind: string, worlds: readonly World[]): Promise<void> {
  const rows: Row[] = [];
  const bySize = worlds.map(({ store, known, filledAt }) => operationsOn(store, known, filledAt));
  for (const [index, { name }] of (bySize[0] ?? []).entries()) {
    if (!only.test(name)) continue;
    process.stderr.write(`${kind}: ${name} …\n`);
    const same = bySize.flatMap((operations) => operations[index] ?? []);
    rows.push({ name, sizes: await measureInRounds(same, rounds) });
  }
  console.log(
    `\n${kind}, ${rounds} rounds, load ${loadavg()[0]?.toFixed(1)} at the end\n\n${tableOf(sizes, rows)}\n`,
  );
}

function largest<W extends World>(worlds: readonly W[]): W {
  const [first] = worlds.toSorted((a, b) => b.slots - a.slots);
  if (first === undefined) throw new Error('--rows: at least one size');
  return first;
}

async function closeAll(worlds: readonly World[]): Promise<void> {
  for (const { store } of worlds) await store.close();
}
