import { DependencyUnavailable, StateConflict } from '../errors.ts';
import { shredPeriod, type Shredded } from '../uploads/shred-period.ts';
import { EX_TEMPFAIL, EXIT_INTERRUPTED, explain, stopSignal, UsageError } from './command.ts';
import { loadOperated, openServices } from './operator.ts';
import { processTerminal, sayLine } from './partner/terminal.ts';

export interface ShredPeriodOptions {
  readonly tenant: string;
  readonly period: string;
  readonly dryRun?: boolean;
}

/** Destroys the intermediate keys of a tenant's period, after wrapping anew what lives. */
export async function shred(options: ShredPeriodOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const { tenant, period, dryRun = false } = options;
  const config = await loadOperated(env, tenant);
  const signal = stopSignal();
  const { stdout, stderr } = processTerminal;
  const shredded: Shredded[] = [];
  await using operated = await openServices(config);
  try {
    for await (const one of shredPeriod(operated.services, { tenant, period, dryRun, signal })) {
      shredded.push(one);
      sayLine(stdout, describe(one));
    }
  } catch (error) {
    if (error instanceof StateConflict) throw new UsageError(`--period ${period}: ${error.message}`);
    if (!(error instanceof DependencyUnavailable)) throw error;
    sayLine(stderr, `${explain(error)}\nRun it again to go on.`);
    return EX_TEMPFAIL;
  }
  if (signal.aborted) return EXIT_INTERRUPTED;
  if (shredded.length === 0) {
    sayLine(stdout, `"${tenant}" has no intermediate keys of ${period}.`);
    return 0;
  }
  if (shredded.some(({ outcome }) => outcome === 'kept')) return 1;
  if (dryRun) return 0;
  sayLine(
    stdout,
    `What was deleted in ${period} opens with nothing that is left here. Backups of the store from before, together with the KEK, still open it: erasure is complete when the last of them is gone.`,
  );
  return 0;
}

function describe({ id, survivors, outcome, why }: Shredded): string {
  const survived = `${survivors} living keys`;
  if (outcome === 'kept') return `${id}: kept, for ${why ?? 'it is needed'}`;
  if (outcome === 'destroyed') return `${id}: destroyed; ${survived} were wrapped anew first`;
  return `${id}: would be destroyed; ${survived} would be wrapped anew first`;
}
