import { fstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { createSnapshot, openStore, openWrapper } from '../composition.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/config.ts';
import { adoptObject } from '../uploads/adopt.ts';
import type { Observer, Services } from '../uploads/services.ts';
import {
  configPath,
  EX_DATAERR,
  EX_NOINPUT,
  EX_TEMPFAIL,
  EXIT_INTERRUPTED,
  explain,
  stopSignal,
  UsageError,
} from './command.ts';
import { ImportReport } from './import/report.ts';
import { readRows, WrongInput, type Format } from './import/rows.ts';
import { takeOver, type ImportRun } from './import/run.ts';

export interface ImportOptions {
  readonly tenant: string;
  readonly format?: Format;
  readonly json?: boolean;
}

/** Takes over existing SSE-C objects, beside a running service too. `-` is standard input. */
export async function importObjects(
  file: string,
  options: ImportOptions,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { tenant, format = /\.(ndjson|jsonl)$/.test(file) ? 'ndjson' : 'csv', json = false } = options;
  const config = await loadConfig({ path: configPath(env), env });
  if (!Object.hasOwn(config.tenants, tenant)) {
    throw new UsageError(`--tenant ${tenant}: must be one of ${Object.keys(config.tenants).join(', ')}`);
  }
  const input = await openInput(file);
  if (input === undefined) return EX_NOINPUT;

  try {
    await using opened = await openServices(config);
    return await run(readRows(input, format), input, json, (object) =>
      adoptObject(opened.services, tenant, object),
    );
  } catch (error) {
    if (!(error instanceof WrongInput)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    return EX_DATAERR;
  } finally {
    input.destroy();
  }
}

/** Until the rows end, nothing answers any more, or a signal comes; then the rows in hand are finished. */
async function run(
  rows: ImportRun['rows'],
  input: Readable,
  json: boolean,
  adopt: ImportRun['adopt'],
): Promise<number> {
  const report = new ImportReport(process.stdout, process.stderr, json);
  const stop = new AbortController();
  const { signal } = stop;
  // The row that is waited for may never come.
  signal.addEventListener('abort', () => input.destroy());
  const interrupted = stopSignal();
  interrupted.addEventListener('abort', () => stop.abort());
  const gaveUp = await takeOver({
    rows,
    adopt,
    report: (row, outcome) => report.row(row, outcome),
    stop,
    pause: (milliseconds) => delay(milliseconds, undefined, { signal }).catch(() => undefined),
  });
  if (interrupted.aborted) {
    report.end('Interrupted; run it again to go on.');
    return EXIT_INTERRUPTED;
  }
  report.end(gaveUp ? 'Nothing answers any more; run it again later to go on.' : undefined);
  if (gaveUp) return EX_TEMPFAIL;
  return report.failed === 0 ? 0 : 1;
}

async function openInput(file: string): Promise<Readable | undefined> {
  try {
    const handle = file === '-' ? undefined : await open(file, 'r');
    const facts = fstatSync(handle?.fd ?? 0);
    if (facts.isFile() && (facts.mode & 0o077) !== 0) {
      process.stderr.write(
        'warning: others on this machine may read this file of keys; chmod 600, or delete it afterwards\n',
      );
    }
    return handle?.createReadStream() ?? process.stdin;
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const why = isAbsent ? 'there is no such file' : explain(error);
    process.stderr.write(`error: ${file}: ${why}\n`);
    return undefined;
  }
}

interface Opened extends AsyncDisposable {
  readonly services: Services;
}

async function openServices(config: Config): Promise<Opened> {
  const wrapper = await openWrapper(config);
  const store = await openStore(config, { exclusive: false });
  const parts = { store, wrapper, observer: UNOBSERVED, now: Date.now, lookAt: () => undefined };
  const { services } = createSnapshot(config, parts);
  return {
    services,
    async [Symbol.asyncDispose]() {
      for (const target of services.targets.values()) target.close();
      await store.close();
    },
  };
}

const UNOBSERVED: Observer = { timed: (_step, work) => work(), slot: () => undefined };
