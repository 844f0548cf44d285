import { validate } from 'uuid';
import { DependencyUnavailable } from '../errors.ts';
import type { Output } from './status-line.ts';
import { EX_TEMPFAIL, EXIT_INTERRUPTED, stopSignal, UsageError } from './command.ts';
import { loadOperated, openServices } from './operator.ts';
import { rekeyAll, type RekeyOutcome } from './rekey/run.ts';

export interface RekeyOptions {
  readonly tenant: string;
  readonly all?: boolean;
  readonly before?: string;
  readonly json?: boolean;
}

/** Re-keys objects one after the other, beside a running service too. Ctrl-C finishes the object in hand. */
export async function rekey(
  ids: readonly string[],
  options: RekeyOptions,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { tenant, all = false, before, json = false } = options;
  if (all === ids.length > 0) throw new UsageError('give ids of uploads, or --all');
  if (before !== undefined && !all) throw new UsageError('--before goes with --all');
  // It is compared as text: anything else would be before all, or behind all.
  if (before !== undefined && !validate(before)) throw new UsageError('--before: the id of an upload');
  const config = await loadOperated(env, tenant);
  const stop = stopSignal();
  const report = new RekeyReport(process.stdout, process.stderr, json);
  await using opened = await openServices(config);
  try {
    for await (const [id, outcome] of rekeyAll(opened.services, tenant, all ? { before } : ids, stop)) {
      report.object(id, outcome);
    }
  } catch (error) {
    if (!(error instanceof DependencyUnavailable)) throw error;
    report.end(`${error.message} ${goOn(all, report.last ?? before)}`);
    return EX_TEMPFAIL;
  }
  report.end(stop.aborted ? `Interrupted. ${goOn(all, report.last ?? before)}` : undefined);
  if (stop.aborted) return EXIT_INTERRUPTED;
  return report.failed === 0 ? 0 : 1;
}

/** What has ended would otherwise be re-keyed once more. */
function goOn(all: boolean, last: string | undefined): string {
  if (last === undefined) return 'Run it again to go on.';
  return all ? `To go on: --all --before ${last}` : 'To go on, give it the ids that are not in its report.';
}

/** Counts, and tells of each object as it ends. */
class RekeyReport {
  readonly #stdout: Output;
  readonly #stderr: Output;
  readonly #json: boolean;
  #rekeyed = 0;
  failed = 0;
  /** The id of the object that ended last. */
  last: string | undefined;

  constructor(stdout: Output, stderr: Output, json: boolean) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#json = json;
  }

  object(id: string, outcome: RekeyOutcome): void {
    this.last = id;
    if (outcome.kind === 'rekeyed') this.#rekeyed += 1;
    else this.failed += 1;
    const detail = 'detail' in outcome ? { detail: outcome.detail } : {};
    if (this.#json) this.#stdout.write(`${JSON.stringify({ id, outcome: outcome.kind, ...detail })}\n`);
    else this.#stderr.write(`${id}: ${outcome.kind}${'detail' in outcome ? `: ${outcome.detail}` : ''}\n`);
  }

  end(early: string | undefined): void {
    if (early !== undefined) this.#stderr.write(`${early}\n`);
    if (!this.#json) this.#stdout.write(`${this.#rekeyed} re-keyed, ${this.failed} not\n`);
  }
}
