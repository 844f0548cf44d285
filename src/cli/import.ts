import { fstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { adoptObject } from '../uploads/adopt.ts';
import {
  EX_DATAERR,
  EX_NOINPUT,
  EX_TEMPFAIL,
  EXIT_INTERRUPTED,
  explain,
  stopSignal,
  UsageError,
} from './command.ts';
import type { ImportKeysOptions } from './import-keys.ts';
import { ImportReport } from './import/report.ts';
import { readRows, WrongInput, type Format } from './import/rows.ts';
import { loadOperated, openServices } from './operator.ts';
import { takeOver, type ImportRun } from './import/run.ts';

export interface ImportOptions extends Partial<ImportKeysOptions> {
  readonly format?: Format;
}

/** Takes over existing SSE-C objects, beside a running service too. `-` is standard input. */
export async function importObjects(
  file: string,
  options: ImportOptions,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { keys, identityFile, passphraseFile, dryRun } = options;
  if (keys !== undefined) {
    if (file !== '-' || options.format !== undefined) throw new UsageError('--keys takes no rows');
    return (await import('./import-keys.ts')).importKeyFile({ ...options, keys }, env);
  }
  if (identityFile !== undefined || passphraseFile !== undefined || dryRun === true) {
    throw new UsageError('--identity-file, --passphrase-file and --dry-run go with --keys');
  }
  const { tenant, format = /\.(ndjson|jsonl)$/.test(file) ? 'ndjson' : 'csv', json = false } = options;
  if (tenant === undefined) throw new UsageError('--tenant: the tenant that gets the objects');
  const config = await loadOperated(env, tenant);
  const input = await openInput(file);
  if (input === undefined) return EX_NOINPUT;

  try {
    await using opened = await openServices(config, { maybeNew: true });
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
