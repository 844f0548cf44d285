import { Agent } from 'node:https';
import { trusted } from '../s3/trust.ts';
import { Asker } from './ask.ts';
import { about, type Finding } from './finding.ts';
import { examineEndpoint } from './network.ts';
import { bucketsOf, examineOneBucket, type TargetContext } from './target.ts';

/** After this, what is not known stays unknown: a slow S3 must not keep the service from starting. */
const DEADLINE_MS = 5_000;

/**
 * What is cheap enough for each start of the service: every target is reached, every bucket gets one canary that is removed at once.
 * @returns all that is not right. Of a target that does not answer in time nothing is known, and that is one of the findings.
 */
export async function examineAtStart(context: Omit<TargetContext, 'signal'>): Promise<Finding[]> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const names = Object.keys(context.config.s3.targets);
  const found = await Promise.all(names.map((name) => examineTargetBriefly({ ...context, signal }, name)));
  return found.flat();
}

async function examineTargetBriefly(context: TargetContext, name: string): Promise<Finding[]> {
  const { config, now } = context;
  const settings = config.s3.targets[name];
  const buckets = bucketsOf(config, name);
  if (settings === undefined || buckets.size === 0) return [];
  const { ca, endpoint: url } = settings;
  const agent = new Agent({ keepAlive: true, ...trusted(ca) });
  const target = context.openTarget({ ...settings, publicEndpoint: url });
  try {
    const subject = `target ${name}`;
    const [reached, findings] = await collect(
      examineEndpoint({ subject, setting: 'endpoint', url, hostnames: [url.hostname], ca, now }),
    );
    if (!reached) return findings;
    const ofBuckets = await Promise.all(
      [...buckets.keys()].map(async (bucket) => {
        const asker = new Asker({ target, bucket, agent, now, signal: context.signal });
        const subject = `bucket ${bucket} on ${name}`;
        const examination = examineOneBucket(context, asker, {
          subject,
          region: settings.region,
          brief: true,
        });
        const found = (await collect(examination))[1];
        return context.signal.aborted ? [...found, notInTime(subject)] : found;
      }),
    );
    return [findings, ...ofBuckets].flat();
  } finally {
    agent.destroy();
    target.close();
  }
}

function notInTime(subject: string): Finding {
  const found = `S3 did not answer all questions within ${DEADLINE_MS / 1000} s`;
  return about(subject).off('bucket.answers', found, 'see what `sealslot doctor` says', [
    'what could not be examined',
  ]);
}

async function collect<T>(examination: AsyncGenerator<Finding, T>): Promise<[T, Finding[]]> {
  const wrong: Finding[] = [];
  for (;;) {
    const { done, value } = await examination.next();
    if (done === true) return [value, wrong];
    if (value.outcome === 'off' || value.outcome === 'unsafe') wrong.push(value);
  }
}
