import { Agent } from 'node:https';
import { trusted } from '../s3/trust.ts';
import { Asker } from './ask.ts';
import { about, type Finding } from './finding.ts';
import { examineEndpoint } from './network/network.ts';
import {
  bucketsOf,
  examineOneBucket,
  examineRecovery,
  methodsOn,
  recoveryBucketOn,
  type TargetContext,
} from './target.ts';

/** After this, what is not known stays unknown: a slow S3 must not keep the service from starting. */
const DEADLINE_MS = 5_000;

export interface StartExamination {
  /** All that is not right and known at the deadline, what had no end by then too. Comes at once when the context's signal is aborted. */
  readonly inTime: Promise<readonly Finding[]>;
  /** What is found wrong after that. Settles when the canaries are gone, or cannot be removed. */
  readonly later: Promise<readonly Finding[]>;
}

/** What is cheap enough for each start of the service: every target is reached, every bucket gets one canary that is removed at once. */
export function examineAtStart(context: TargetContext): StartExamination {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), DEADLINE_MS);
  const signal = AbortSignal.any([context.signal, deadline.signal]);
  const progress = new Progress();
  const names = Object.keys(context.config.s3.targets);
  const all = Promise.all(names.map((name) => examineTargetBriefly({ ...context, signal }, name, progress)));
  const whole = all.finally(() => clearTimeout(timer));
  const inTime = Promise.race([whole, aborted(signal)]).then(() => [
    ...progress.news(),
    ...(deadline.signal.aborted ? progress.underWay().map(notInTime) : []),
  ]);
  return { inTime, later: Promise.all([inTime, whole]).then(() => progress.news()) };
}

/** What is found wrong, and what is still being looked at. */
class Progress {
  readonly #underWay = new Set<string>();
  readonly #wrong: Finding[] = [];

  async examine<T>(subject: string, examination: AsyncGenerator<Finding, T>): Promise<T> {
    this.#underWay.add(subject);
    try {
      for (;;) {
        const { done, value } = await examination.next();
        if (done === true) return value;
        if (value.outcome === 'off' || value.outcome === 'unsafe') this.#wrong.push(value);
      }
    } finally {
      this.#underWay.delete(subject);
    }
  }

  underWay(): string[] {
    return [...this.#underWay];
  }

  /** What was found wrong since the last time. */
  news(): readonly Finding[] {
    return this.#wrong.splice(0);
  }
}

async function examineTargetBriefly(context: TargetContext, name: string, progress: Progress): Promise<void> {
  const { config, now, signal } = context;
  const settings = config.s3.targets[name];
  const buckets = bucketsOf(config, name);
  const recovery = recoveryBucketOn(config, name);
  if (settings === undefined || (buckets.size === 0 && recovery === undefined)) return;
  const { ca, endpoint: url, region } = settings;
  const agent = new Agent({ keepAlive: true, ...trusted(ca) });
  const target = context.openTarget({ ...settings, publicEndpoint: url });
  try {
    const subject = `target ${name}`;
    const endpoint = { subject, setting: 'endpoint', url, hostnames: [url.hostname], ca, now } as const;
    if (!(await progress.examine(subject, examineEndpoint(endpoint)))) return;
    const askerOf = (bucket: string) => new Asker({ target, bucket, agent, now, signal, settings });
    const examinations = [...buckets.keys()].map((bucket) => {
      const subject = `bucket ${bucket} on ${name}`;
      const run = { subject, region, brief: true, methods: methodsOn(config, name, bucket) };
      return progress.examine(subject, examineOneBucket(context, askerOf(bucket), run));
    });
    if (recovery !== undefined) {
      const examination = examineRecovery(context, askerOf(recovery), { region, target: name });
      examinations.push(progress.examine(`recovery bucket ${recovery} on ${name}`, examination));
    }
    await Promise.all(examinations);
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

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
