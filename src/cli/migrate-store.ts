import { randomUUID } from 'node:crypto';
import { openMove } from '../composition.ts';
import type { Config, PostgresConfig, SqliteConfig } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { DependencyUnavailable } from '../errors.ts';
import { StoreLocked } from '../store/errors.ts';
import type { Pair } from '../store/move/copy.ts';
import { moveStore, type MoveEnd } from '../store/move/move.ts';
import { configPath, EX_TEMPFAIL, EXIT_INTERRUPTED, explain, stopSignal, UsageError } from './command.ts';
import { goBack } from './migrate-store/back.ts';
import { rehearse } from './migrate-store/dry-run.ts';
import { keysOpen, type Sample } from './migrate-store/keys.ts';
import { MoveReport } from './migrate-store/report.ts';
import { processTerminal } from './partner/terminal.ts';

export interface MigrateStoreOptions {
  /** The configuration of the replicas. */
  readonly to?: string;
  readonly sample: Sample;
  readonly back?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** A configuration whose store is of the kind that is needed there. */
type With<Store> = Config & { readonly store: Store };

/** Moves the store of the configuration to that of another one, and compares all of it. */
export async function migrateStore(options: MigrateStoreOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const { to: path, back = false, dryRun = false, json = false } = options;
  if (path === undefined && !back) throw new UsageError('--to: name the configuration with the new store');
  if (back && dryRun) throw new UsageError('either --back or --dry-run');
  const from = await loadSource(env);
  const to = path === undefined ? undefined : await loadTarget(path, env);
  const report = new MoveReport(processTerminal, json);
  const signal = stopSignal();
  try {
    if (back) return await goBack(from.store, to?.store, { report, signal });
    if (to === undefined) throw new Error('--to was asked for above');
    await using pair = await openMove(from.store, to.store, { looksOnly: dryRun });
    if (dryRun) return await rehearse(pair, report);
    const end = await moveStore(pair, {
      now: Date.now,
      newId: randomUUID,
      signal,
      progress: (progress) => report.progress(progress),
      differs: (difference) => report.difference(difference),
      keysOpen: () => keysOpen(pair, { from, to, sample: options.sample, report, signal }),
    });
    return tell(end, pair, report, path ?? '');
  } catch (error) {
    if (!(error instanceof DependencyUnavailable || error instanceof StoreLocked)) throw error;
    const goOn = error instanceof StoreLocked ? 'Nothing was done.' : 'Run it again to go on.';
    report.end('unavailable', `${explain(error)}\n${goOn}`, { isDone: false });
    return EX_TEMPFAIL;
  }
}

function tell(end: MoveEnd, { source, target }: Pair, report: MoveReport, to: string): number {
  switch (end.kind) {
    case 'moved':
      report.end(
        end.kind,
        `All of ${source.path} is in ${target.name}. Start the replicas with ${to}; the file opens no more, and stays as it is.`,
        { tables: end.tables },
      );
      return 0;
    case 'already': {
      const at = new Date(end.finishedAt).toISOString();
      report.end(end.kind, `${source.path} was moved to ${target.name} at ${at}; nothing is left to do.`);
      return 0;
    }
    case 'differs':
      report.end(
        end.kind,
        `The stores differ, so ${target.name} opens for no service. Nobody but this command may write there: begin again with an empty database.`,
        { tables: end.tables, isDone: false },
      );
      return 1;
    case 'interrupted':
      report.end(end.kind, 'Interrupted; run it again to go on.', { isDone: false });
      return EXIT_INTERRUPTED;
  }
}

async function loadSource(env: NodeJS.ProcessEnv): Promise<With<SqliteConfig>> {
  const path = configPath(env);
  const config = await loadConfig({ path, env });
  if (config.store.kind !== 'sqlite') {
    throw new UsageError(
      `${path}: its store is of the kind "${config.store.kind}" already; let SEALSLOT_CONFIG name the configuration of the old store`,
    );
  }
  return { ...config, store: config.store };
}

/** Variables for the section `store` are meant for the file that they were set for, which is the old one. */
async function loadTarget(path: string, env: NodeJS.ProcessEnv): Promise<With<PostgresConfig>> {
  const others = Object.entries(env).filter(([name]) => !/^SEALSLOT_STORE(__|$)/i.test(name));
  const config = await loadConfig({ path, env: Object.fromEntries(others) });
  if (config.store.kind !== 'postgres') {
    throw new UsageError(`--to ${path}: its store must be of the kind "postgres"`);
  }
  return { ...config, store: config.store };
}
