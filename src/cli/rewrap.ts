import { inspectStore } from '../composition.ts';
import type { Config } from '../config/config.ts';
import { INTERMEDIATE } from '../custody/intermediate.ts';
import { DependencyUnavailable } from '../errors.ts';
import { BATCH, rewrap } from '../uploads/rewrap.ts';
import type { Services } from '../uploads/services.ts';
import { EX_TEMPFAIL, EXIT_INTERRUPTED, explain, stopSignal, UsageError } from './command.ts';
import { loadOperated, openServices } from './operator.ts';
import { processTerminal } from './partner/terminal.ts';
import { batchFor, paced } from './rewrap/pace.ts';
import { RewrapReport } from './rewrap/report.ts';

export interface RewrapOptions {
  readonly to: string;
  readonly tenant?: string;
  readonly dryRun?: boolean;
  /** Keys a second. */
  readonly rate?: number;
  readonly json?: boolean;
}

/** Moves all keys under the current wrapper and KEK, beside a running service too. */
export async function rewrapKeys(options: RewrapOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const { to, tenant, dryRun = false, rate, json = false } = options;
  const config = await loadOperated(env, tenant);
  const { current, wrappers } = config.custody;
  if (!Object.hasOwn(wrappers, to)) {
    throw new UsageError(`--to ${to}: must be one of ${Object.keys(wrappers).join(', ')}`);
  }
  if (to !== current) {
    throw new UsageError(
      `--to ${to}: custody.current is ${current}, so new slots would go on needing that; make ${to} current, restart the service, and run this again`,
    );
  }
  const signal = stopSignal();
  await using operated = await openServices(config);
  const { services } = operated;
  if (!dryRun) await demandServed(to, services, config);
  const report = new RewrapReport(processTerminal, await countKeys(services), json);
  try {
    const pace = paced(rate, signal);
    const batch = batchFor(rate, BATCH);
    for await (const one of rewrap(services, { tenant, dryRun, signal, pace, batch })) report.add(one);
  } catch (error) {
    if (!(error instanceof DependencyUnavailable)) throw error;
    report.end(`${explain(error)}\nRun it again to go on.`, dryRun);
    return EX_TEMPFAIL;
  }
  if (signal.aborted) {
    report.end('Interrupted; run it again to go on.', dryRun);
    return EXIT_INTERRUPTED;
  }
  report.end(report.isWaiting ? 'Some are still to be done; run it again later.' : undefined, dryRun);
  if (report.hasFailed) return 1;
  return report.isWaiting ? EX_TEMPFAIL : 0;
}

/** What is moved to a wrapper that the running service does not have would be lost to it until its restart. */
async function demandServed(to: string, { store }: Services, config: Config): Promise<void> {
  const { served } = await inspectStore(config.store.path);
  if (!served || (await store.custody.announced())?.includes(to) === true) return;
  throw new UsageError(
    `--to ${to}: the running service was started without it, and could open nothing that is moved there; restart it first`,
  );
}

async function countKeys({ store }: Services): Promise<number> {
  const usage = await store.keys.usage();
  const counted = usage.map(({ wrapperId, objectKeys, intermediateKeys }) =>
    wrapperId === INTERMEDIATE ? 0 : objectKeys + intermediateKeys,
  );
  return counted.reduce((sum, count) => sum + count, 0);
}
