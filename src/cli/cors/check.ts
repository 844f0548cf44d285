import { Agent } from 'node:https';
import type { Config } from '../../config/config.ts';
import { Asker } from '../../doctor/ask.ts';
import { about, type Finding } from '../../doctor/finding.ts';
import { examineCors } from '../../doctor/network/cors.ts';
import { explainNoAnswer } from '../../doctor/network/network.ts';
import { exitCodeOf, jsonReport, TextReport } from '../../doctor/report.ts';
import { createTarget } from '../../s3/adapters/target.ts';
import { trusted } from '../../s3/trust.ts';
import { loadBuckets, type CorsBucket, type CorsOptions } from './buckets.ts';

export interface CheckOptions extends CorsOptions {
  readonly json?: boolean;
}

/** Asks each bucket what a browser would ask it, for each origin. */
export async function checkCors(options: CheckOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const { config, buckets } = await loadBuckets(options, env);
  const report = options.json === true ? undefined : corsReport(env);
  const findings: Finding[] = [];
  for (const bucket of buckets) {
    for (const finding of await examineBucketCors(config, bucket)) {
      findings.push(finding);
      report?.add(finding);
    }
  }
  if (report === undefined) process.stdout.write(jsonReport(findings));
  else process.stdout.write(`\n${verdictOf(findings)}\n`);
  return exitCodeOf(findings);
}

export function corsReport(env: NodeJS.ProcessEnv): TextReport {
  const style = { explain: false, colours: process.stdout.isTTY && env.NO_COLOR === undefined };
  return new TextReport(style, (text) => void process.stdout.write(text));
}

export function verdictOf(findings: readonly Finding[]): string {
  const off = [...new Set(findings.flatMap((finding) => finding.off ?? []))];
  return off.length === 0 ? 'Browsers are let through.' : `Browsers are stopped: ${off.join('; ')}.`;
}

/** At the address that browsers use. */
export async function examineBucketCors(config: Config, bucket: CorsBucket): Promise<Finding[]> {
  const { settings, subject } = bucket;
  const findings: Finding[] = [];
  const agent = new Agent({ keepAlive: true, ...trusted(settings.ca) });
  const target = createTarget(settings);
  try {
    const asker = new Asker({ target, bucket: bucket.bucket, agent, now: Date.now, settings });
    const tagged = config.custody.recovery !== undefined;
    for await (const finding of examineCors(asker, { ...bucket, tagged })) findings.push(finding);
  } catch (error) {
    const { found, remedy } = explainNoAnswer(error);
    const at = `${settings.publicEndpoint.host}: ${found}`;
    findings.push(
      about(subject).off('bucket.answers', at, remedy, [`uploads from browsers to ${bucket.bucket}`]),
    );
  } finally {
    agent.destroy();
    target.close();
  }
  return findings;
}
