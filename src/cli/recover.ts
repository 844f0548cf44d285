import { setTimeout as delay } from 'node:timers/promises';
import { openHierarchy } from '../composition.ts';
import { DependencyUnavailable } from '../errors.ts';
import { rehearsedIntermediates } from '../uploads/recover/dry-run.ts';
import { recoverStore } from '../uploads/recover.ts';
import type { Services } from '../uploads/services.ts';
import { EX_CONFIG, EX_TEMPFAIL, EXIT_INTERRUPTED, explain, stopSignal } from './command.ts';
import { loadOperated, openServices } from './operator.ts';
import { RecoverReport } from './recover/report.ts';

export interface RecoverOptions {
  readonly tenant?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Makes a lost store anew from the copies in S3, into an empty or half-filled one, beside a running service too. */
export async function recover(options: RecoverOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const { tenant, dryRun = false, json = false } = options;
  const config = await loadOperated(env, tenant);
  const { recovery } = config.custody;
  if (!recovery) {
    process.stderr.write('error: custody.recovery is not set: it names where the copies are\n');
    return EX_CONFIG;
  }
  const report = new RecoverReport(process.stdout, process.stderr, json);
  const interrupted = stopSignal();
  const stop = new AbortController();
  interrupted.addEventListener('abort', () => stop.abort());
  try {
    await using opened = await openServices(config, { maybeNew: true });
    const services = dryRun ? rehearsal(opened.services) : opened.services;
    await recoverStore(services, recovery, {
      only: tenant,
      dryRun,
      report: (what, place, outcome) => report.add(what, place, outcome),
      stop,
      pause: (milliseconds) => delay(milliseconds, undefined, { signal: stop.signal }).catch(() => undefined),
    });
  } catch (error) {
    if (!(error instanceof DependencyUnavailable)) throw error;
    report.end(explain(error));
    return EX_TEMPFAIL;
  }
  if (interrupted.aborted) {
    report.end('Interrupted; run it again to go on.');
    return EXIT_INTERRUPTED;
  }
  report.end(report.unavailable ? 'Not all of it answers; run it again later to go on.' : undefined);
  if (report.unavailable) return EX_TEMPFAIL;
  return report.isAll ? 0 : 1;
}

/** Nothing is stored, and keys under intermediate ones that would be recovered open. */
function rehearsal(services: Services): Services {
  const { config, keks, targets, now } = services;
  const store = { ...services.store, intermediates: rehearsedIntermediates(services.store.intermediates) };
  const wrapper = openHierarchy(config, { keks, store, now, targets: () => targets });
  return { ...services, store, wrapper };
}
