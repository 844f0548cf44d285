import { setTimeout } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { INTERMEDIATE } from '../custody/intermediate.ts';
import { DependencyUnavailable } from '../errors.ts';
import { holds, namesOf, servingReplicas } from '../uploads/replicas.ts';
import type { KekName } from '../store/port.ts';
import { BATCH, rewrap } from '../uploads/rewrap.ts';
import type { Services } from '../uploads/services.ts';
import { EX_TEMPFAIL, EXIT_INTERRUPTED, explain, stopSignal, UsageError } from './command.ts';
import { loadOperated, openServices } from './operator.ts';
import { processTerminal } from './partner/terminal.ts';
import { batchFor, paced } from './rewrap/pace.ts';
import { RewrapReport } from './rewrap/report.ts';

/** A running service reads its KEK file every few seconds, and then says what it has. */
const REREAD_MS = 20_000;

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
  if (!dryRun) await demandServed(to, services, config, signal);
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

/** What is moved to a wrapper or KEK that a running service does not have would be lost to it until it has. */
async function demandServed(
  to: string,
  services: Services,
  config: Config,
  signal: AbortSignal,
): Promise<void> {
  const replicas = await servingReplicas(services);
  const without = replicas.filter(({ wrappers }) => !wrappers.includes(to));
  if (without.length > 0) {
    throw new UsageError(
      `--to ${to}: ${namesOf(without)} was started without it, and could open nothing that is moved there; restart it first`,
    );
  }
  // Only a KEK file may differ from replica to replica; other keepers are asked by all.
  const [kek] = config.custody.wrappers[to]?.kind === 'local' ? await services.keks.keks() : [];
  if (kek !== undefined) await demandHeld(to, kek, services, signal);
}

async function demandHeld(to: string, kek: KekName, services: Services, signal: AbortSignal): Promise<void> {
  const older = async () => (await servingReplicas(services)).filter((replica) => !holds(replica, kek));
  let without = await older();
  const until = Date.now() + REREAD_MS;
  if (without.length > 0) processTerminal.stderr.write(`Until ${namesOf(without)} has ${kek.kekId} too …\n`);
  while (without.length > 0 && Date.now() < until && !signal.aborted) {
    await setTimeout(1_000);
    without = await older();
  }
  if (without.length === 0 || signal.aborted) return;
  throw new UsageError(
    `--to ${to}: ${namesOf(without)} does not have ${kek.kekId}, and could open nothing that is moved there; bring its KEK file up to date first`,
  );
}

async function countKeys({ store }: Services): Promise<number> {
  const usage = await store.keys.usage();
  const counted = usage.map(({ wrapperId, objectKeys, intermediateKeys }) =>
    wrapperId === INTERMEDIATE ? 0 : objectKeys + intermediateKeys,
  );
  return counted.reduce((sum, count) => sum + count, 0);
}
