import { setTimeout as delay } from 'node:timers/promises';
import { minioSetting, planFor, ruleFor, type CorsPlan } from '../../cors/rule.ts';
import type { Config } from '../../config/config.ts';
import { exitCodeOf } from '../../doctor/report.ts';
import type { Finding } from '../../doctor/finding.ts';
import { printable } from '../../printable.ts';
import { createTarget } from '../../s3/adapters/target.ts';
import { BucketRefused } from '../../s3/errors.ts';
import type { CorsRule } from '../../s3/port.ts';
import { loadBuckets, requireOrigins, type CorsBucket, type CorsOptions } from './buckets.ts';
import { corsReport, examineBucketCors, verdictOf } from './check.ts';

export interface ApplyOptions extends CorsOptions {
  readonly dryRun?: boolean;
  readonly replace?: boolean;
}

/** AWS answers by a new rule a moment after it has taken it. */
const TRIES = 6;
const PAUSE_MS = 1_000;

/** Puts our rule beside those of others, and then asks as browsers do. */
export async function applyCors(options: ApplyOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const { config, buckets } = await loadBuckets(options, env);
  requireOrigins(config);
  const done: boolean[] = [];
  for (const bucket of buckets) done.push(await applyTo(bucket, options));
  const allDone = done.every(Boolean);
  if (options.dryRun === true) {
    say('Nothing was changed (--dry-run).');
    return allDone ? 0 : 1;
  }
  say('');
  const report = corsReport(env);
  const findings: Finding[] = [];
  for (const [index, bucket] of buckets.entries()) {
    const found = await patiently(config, bucket, done[index] === true ? TRIES : 1);
    found.forEach((finding) => report.add(finding));
    findings.push(...found);
  }
  say(`\n${verdictOf(findings)}`);
  return allDone ? exitCodeOf(findings) : 1;
}

/** @returns whether the bucket has our rule now, or would have it. */
async function applyTo(bucket: CorsBucket, options: ApplyOptions): Promise<boolean> {
  const { settings } = bucket;
  say(bucket.subject);
  const target = createTarget(settings);
  try {
    const present = await target.buckets.corsRules(bucket.bucket);
    const plan = planFor(present, ruleFor(bucket), options.replace === true);
    show(plan, options);
    if (plan.rivals.length > 0 && options.replace !== true) {
      say('  not changed: the rules marked ? answer the same pages, and S3 goes by the first that fits.');
      say('  Change them by hand, or let --replace take them out.');
      return false;
    }
    if (plan.added.length + plan.removed.length > 0 && options.dryRun !== true)
      await target.buckets.putCorsRules(bucket.bucket, plan.rules);
    return true;
  } catch (error) {
    if (!(error instanceof BucketRefused)) throw error;
    wordsFor(error, bucket).forEach((line) => say(`  ${line}`));
    return false;
  } finally {
    target.close();
  }
}

function show({ added, removed, kept, rivals }: CorsPlan, { replace }: ApplyOptions): void {
  for (const rule of removed) say(`  - ${wordsOf(rule)}`);
  for (const rule of added) say(`  + ${wordsOf(rule)}`);
  if (added.length + removed.length === 0) say('  = it has our rule already');
  for (const rule of kept) say(`  ${replace !== true && rivals.includes(rule) ? '?' : '='} ${wordsOf(rule)}`);
}

function wordsOf(rule: CorsRule): string {
  const { ID, AllowedOrigins, AllowedMethods, AllowedHeaders = [], ExposeHeaders = [] } = rule;
  return [
    ID ?? '(without an ID)',
    AllowedOrigins.join(' '),
    AllowedMethods.join(' '),
    `headers ${AllowedHeaders.join(' ') || 'none'}`,
    `shows ${ExposeHeaders.join(' ') || 'none'}`,
  ].join('; ');
}

function wordsFor(refused: BucketRefused, { origins, bucket }: CorsBucket): string[] {
  const answer = `${refused.status} ${refused.s3Code}`;
  if (refused.isUnsupported)
    return [
      `not changed: on this S3, buckets have no CORS rules (${answer}). Set what it answers on the server itself;`,
      `MinIO is started with ${minioSetting(origins)}, and answers pages of any origin without it.`,
    ];
  if (refused.status === 403)
    return [
      `not changed: S3 answers ${answer}. This command needs s3:GetBucketCORS and s3:PutBucketCORS, which the service does not:`,
      `run it with other credentials, or see \`sealslot cors print --bucket ${bucket}\`.`,
    ];
  return [`not changed: S3 answers ${answer}. \`sealslot doctor\` says more.`];
}

async function patiently(config: Config, bucket: CorsBucket, tries: number): Promise<Finding[]> {
  const findings = await examineBucketCors(config, bucket);
  if (tries <= 1 || exitCodeOf(findings) === 0) return findings;
  await delay(PAUSE_MS);
  return patiently(config, bucket, tries - 1);
}

/** Rules of others and S3's own words are foreign text. */
function say(line: string): void {
  process.stdout.write(`${line.split('\n').map(printable).join('\n')}\n`);
}
