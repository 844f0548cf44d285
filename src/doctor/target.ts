import { Agent } from 'node:https';
import type { Clock } from '../clock.ts';
import type { Config, TargetConfig } from '../config/config.ts';
import type { S3Target } from '../s3/port.ts';
import { trusted } from '../s3/trust.ts';
import type { UploadMethod } from '../uploads/upload.ts';
import { answerOf, Asker } from './ask.ts';
import { examineBucket } from './bucket/bucket.ts';
import { CANARIES, Canaries } from './canaries.ts';
import { examineConformance } from './conformance.ts';
import { examineCors } from './network/cors.ts';
import { examineCredentials } from './network/credentials.ts';
import { about, type CheckText, type Finding } from './finding.ts';
import { examineEndpoint, explainNoAnswer } from './network/network.ts';
import { examineLeftovers } from './bucket/leftovers.ts';
import { examineRecoveryBucket } from './bucket/recovery.ts';
import { examineRights } from './bucket/rights.ts';
import { UNEXAMINED } from './unexamined.ts';

export const TARGET_CHECKS = {
  'target.used': { title: 'buckets', means: 'Which buckets of the target the tenants use.' },
  'target.public': {
    title: 'public address',
    means:
      'Clients reach S3 by publicEndpoint. What stands before it must pass host, path and headers on as they are, for all of them are signed.',
  },
  'bucket.answers': { title: 'answers', means: 'S3 goes on answering while it is examined.' },
  'canaries.removed': {
    title: 'clean-up',
    means: 'The objects that the doctor made are removed again, in all their versions.',
  },
} as const satisfies Record<string, CheckText>;

export interface TargetContext {
  readonly config: Pick<Config, 's3' | 'tenants' | 'cors'> & {
    readonly custody: Pick<Config['custody'], 'hierarchy' | 'recovery'>;
  };
  readonly openTarget: (config: TargetConfig) => S3Target;
  readonly now: Clock;
  /** Once aborted nothing more is begun; what was made is still removed. */
  readonly signal: AbortSignal;
}

/** The buckets that tenants have on a target, each with its tenants. */
export function bucketsOf(config: Pick<Config, 'tenants'>, target: string): ReadonlyMap<string, string[]> {
  const buckets = new Map<string, string[]>();
  for (const [name, tenant] of Object.entries(config.tenants)) {
    if (tenant.target !== target) continue;
    buckets.set(tenant.bucket, [...(buckets.get(tenant.bucket) ?? []), name]);
  }
  return buckets;
}

/** How the tenants of a bucket let clients upload. */
export function methodsOn(
  config: Pick<Config, 'tenants'>,
  target: string,
  bucket: string,
): ReadonlySet<UploadMethod> {
  const tenants = Object.values(config.tenants).filter(
    (tenant) => tenant.target === target && tenant.bucket === bucket,
  );
  return new Set(tenants.flatMap(({ methods }) => methods));
}

/** One S3 target and its buckets. The buckets are asked at `endpoint`: the doctor may run where clients' address is not reachable. */
export async function* examineTarget(
  context: TargetContext,
  name: string,
  buckets: ReadonlyMap<string, string[]>,
): AsyncGenerator<Finding> {
  const { config, now } = context;
  const settings = requireTarget(config, name);
  const subject = `target ${name}`;
  const { ca, credentials, endpoint, publicEndpoint } = settings;
  const agent = new Agent({ keepAlive: true, ...trusted(ca) });
  const direct = context.openTarget({ ...settings, publicEndpoint: endpoint });
  try {
    const recovery = recoveryBucketOn(config, name);
    const asked = [...buckets.keys(), ...(recovery === undefined ? [] : [recovery])];
    const at = (url: URL) => ({ subject, url, hostnames: hostnames(url, settings, asked), ca, now });
    const reached = yield* examineEndpoint({ ...at(endpoint), setting: 'endpoint' });
    const hasPublic = publicEndpoint.href !== endpoint.href;
    const publicReached =
      hasPublic && (yield* examineEndpoint({ ...at(publicEndpoint), setting: 'publicEndpoint' }));
    const signed = yield* examineCredentials({
      subject,
      credentials: direct.credentials,
      kind: credentials.kind,
      hasSessionToken: credentials.kind === 'static' && credentials.sessionToken !== undefined,
      longestUrlSeconds: longestUrl(config, name),
      now,
    });
    if (buckets.size === 0) yield about(subject).note('target.used', 'no tenant uses this target');
    if (!reached || !signed) return;
    for (const [bucket, tenants] of buckets) {
      const asker = new Asker({ target: direct, bucket, agent, now, signal: context.signal, settings });
      yield* examineOneBucket(context, asker, {
        subject: `bucket ${bucket} on ${name} (${tenants.join(', ')})`,
        region: settings.region,
        target: name,
        brief: false,
        methods: methodsOn(config, name, bucket),
      });
      if (publicReached) yield* examinePublic(subject, context.openTarget(settings), asker, agent, now);
    }
    if (recovery === undefined || context.signal.aborted) return;
    const { signal } = context;
    const asker = new Asker({ target: direct, bucket: recovery, agent, now, signal, settings });
    yield* examineRecovery(context, asker, { region: settings.region, target: name });
  } finally {
    agent.destroy();
    direct.close();
  }
}

/** One bucket, from "is it there" to what S3 does with canaries; they are gone at the end, also after an abort. */
export async function* examineOneBucket(
  { config, signal }: TargetContext,
  asker: Asker,
  {
    subject,
    region,
    target,
    brief,
    methods,
  }: {
    subject: string;
    region: string;
    target?: string;
    brief: boolean;
    methods: ReadonlySet<UploadMethod>;
  },
): AsyncGenerator<Finding> {
  const isEnded = () => signal.aborted;
  const tagged = config.custody.recovery !== undefined;
  yield* withCanaries(asker, { subject, signal, off: ['DELETE'] }, async function* (canaries) {
    const facts = yield* examineBucket(asker, { subject, region, target, brief });
    if (facts === undefined || isEnded()) return;
    const removable = yield* examineRights(asker, facts, {
      subject,
      multipart: methods.has('multipart'),
    });
    if (!brief && !isEnded()) yield* examineLeftovers(asker, { subject });
    if (!brief && !isEnded())
      yield* examineCors(asker, { subject, origins: config.cors.origins, methods, tagged });
    if (removable && !isEnded())
      yield* examineConformance(asker, canaries, { subject, brief, tagged, methods, signal });
  });
}

/** The bucket of custody.recovery, if it is on this target. */
export function recoveryBucketOn({ custody }: TargetContext['config'], target: string): string | undefined {
  return custody.recovery?.target === target ? custody.recovery.bucket : undefined;
}

/** As `examineOneBucket`, of the bucket that holds no objects but copies of keys. */
export async function* examineRecovery(
  { config, signal }: TargetContext,
  asker: Asker,
  { region, target }: { region: string; target: string },
): AsyncGenerator<Finding> {
  const subject = `recovery bucket ${asker.bucket} on ${target}`;
  const isNeeded = config.custody.hierarchy !== undefined;
  const run = { subject, region, target, isNeeded };
  const off = ['sealslot shred-period'];
  yield* withCanaries(asker, { subject, signal, off }, (canaries) =>
    examineRecoveryBucket(asker, canaries, run),
  );
}

/** @param off what does not work when the canaries cannot be removed. */
async function* withCanaries(
  asker: Asker,
  { subject, signal, off }: { subject: string; signal: AbortSignal; off: readonly string[] },
  examination: (canaries: Canaries) => AsyncGenerator<Finding>,
): AsyncGenerator<Finding> {
  const canaries = new Canaries(asker.target.objects, asker.bucket);
  try {
    yield* examination(canaries);
  } catch (error) {
    if (signal.aborted) return;
    const { found, remedy } = explainNoAnswer(error);
    yield about(subject).off('bucket.answers', found, remedy, [UNEXAMINED]);
  } finally {
    const left = await canaries.remove();
    if (left.length > 0) yield cleanUpFailed(subject, left, off);
  }
}

function cleanUpFailed(subject: string, left: readonly string[], off: readonly string[]): Finding {
  return about(subject).off(
    'canaries.removed',
    `${left.length} canary objects may still be there: ${left.join(', ')}`,
    'remove them by hand, and grant what the lines above ask for',
    off,
  );
}

/** The same signed question by the clients' address: a proxy that changes host or path breaks every signature. */
async function* examinePublic(
  subject: string,
  target: S3Target,
  { bucket }: Asker,
  agent: Agent,
  now: Clock,
): AsyncGenerator<Finding> {
  try {
    const asker = new Asker({ target, bucket, agent, now });
    const said = await asker.ask({ method: 'GET', objectKey: `${CANARIES}none` });
    const { status, code } = said;
    const say = about(subject);
    if (status === 404 || (status === 403 && code === 'AccessDenied')) {
      yield say.ok('target.public', `a URL of ${bucket} signed for publicEndpoint is understood there`);
    } else {
      yield say.off(
        'target.public',
        `a signed URL of ${bucket} is answered ${answerOf(said)}`,
        'let the proxy pass Host, path and query on unchanged, or set publicEndpoint to the address that S3 itself sees',
        ['uploads', 'downloads'],
      );
    }
  } catch (error) {
    yield about(subject).note('target.public', explainNoAnswer(error).found);
  } finally {
    target.close();
  }
}

function requireTarget(config: Pick<Config, 's3'>, name: string): TargetConfig {
  const settings = config.s3.targets[name];
  if (settings === undefined) throw new Error(`there is no target ${name}`);
  return settings;
}

function hostnames(url: URL, { pathStyle }: TargetConfig, buckets: readonly string[]): string[] {
  if (pathStyle || buckets.length === 0) return [url.hostname];
  return buckets.map((bucket) => `${bucket}.${url.hostname}`);
}

function longestUrl(config: Pick<Config, 'tenants'>, target: string): number {
  const tenants = Object.values(config.tenants).filter((tenant) => tenant.target === target);
  return Math.max(0, ...tenants.map((tenant) => tenant.urlSeconds.max));
}
