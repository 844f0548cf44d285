import { CANARIES } from '../doctor/canaries.ts';
import { DependencyUnavailable } from '../errors.ts';
import { audit, type AuditProgress } from '../uploads/audit.ts';
import { AuditReport } from './audit/report.ts';
import { EX_TEMPFAIL, explain, stopSignal } from './command.ts';
import { loadOperated, openServices } from './operator.ts';
import { StatusLine } from './status-line.ts';

export interface AuditOptions {
  readonly tenant?: string;
  readonly sample?: number;
  readonly parallel: number;
  readonly json?: boolean;
}

const PHASES: Readonly<Record<AuditProgress['phase'], string>> = {
  slots: 'slots',
  versions: 'object versions',
};

/** Compares store, KEKs and S3, beside a running service too, and changes nothing. */
export async function auditKeys(options: AuditOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const { tenant, sample, parallel, json = false } = options;
  const config = await loadOperated(env, tenant);
  const report = new AuditReport();
  const signal = interruption();
  const status = new StatusLine(process.stderr);
  const progress = ({ phase, done }: AuditProgress) => status.show(() => `${done} ${PHASES[phase]} …`);
  try {
    await using opened = await openServices(config);
    const context = {
      services: opened.services,
      ...{ tenant, sample, parallel, signal },
      canaries: CANARIES,
      random: Math.random,
      report: (finding: Parameters<AuditReport['add']>[0]) => report.add(finding),
    };
    const checked = await audit(context, progress);
    status.clear();
    process.stdout.write(report[json ? 'json' : 'text'](checked, signal.aborted));
    return report.exitCode(signal.aborted);
  } catch (error) {
    if (!(error instanceof DependencyUnavailable)) throw error;
    status.say(explain(error));
    return EX_TEMPFAIL;
  }
}

/** A signal, or a reader that goes away (`| head`), asks for an orderly end. */
function interruption(): AbortSignal {
  const unread = new AbortController();
  process.stdout.once('error', () => unread.abort());
  return AbortSignal.any([stopSignal(), unread.signal]);
}
