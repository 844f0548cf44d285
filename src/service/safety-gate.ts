import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import type { KeyWrapper } from '../custody/port.ts';
import type { Finding } from '../doctor/finding.ts';
import { examineCustody } from '../doctor/local/custody.ts';
import { examineFiles } from '../doctor/local/files.ts';
import { examineDurability, type DurabilityFacts } from '../doctor/local/server-store.ts';
import { examineConditions, examineNeeded } from '../doctor/local/keks.ts';
import { examineAtStart } from '../doctor/start.ts';
import type { TargetContext } from '../doctor/target.ts';
import { errorFields, type Logger } from '../http/log.ts';
import type { Kek, Store } from '../store/port.ts';

/** How long the end of the process waits for canaries that S3 is slow to remove. */
const PATIENCE_MS = 5_000;

/** Undefined of a store in a file, whose adapter sees to it itself. */
export type AskDurability = (store: Config['store']) => Promise<DurabilityFacts | undefined>;

/** What every configuration passes before it is in force: the cheap part of `sealslot doctor`. What is wrong is logged. */
export class SafetyGate {
  readonly #logger: Logger;
  readonly #stop: AbortSignal;
  readonly #openTarget: TargetContext['openTarget'];
  readonly #cleaningUp = new Set<Promise<void>>();
  readonly #closedBy: Finding[] = [];

  /** @param stop ends examinations early, though their canaries are still removed. */
  constructor(logger: Logger, stop: AbortSignal, openTarget: TargetContext['openTarget']) {
    this.#logger = logger;
    this.#stop = stop;
    this.#openTarget = openTarget;
  }

  /** What has closed it so far. */
  get closedBy(): readonly Finding[] {
    return this.#closedBy;
  }

  /** Only what could lose or leak a key closes it. An S3 that does not answer is no danger: what needs it fails closed. */
  async opensFor(config: Config): Promise<boolean> {
    const { inTime, later } = examineAtStart({
      config,
      openTarget: this.#openTarget,
      now: Date.now,
      signal: this.#stop,
    });
    const cleaningUp = later
      .then(
        (findings) => this.#log(findings),
        (error: unknown) => this.#logger.error({ error: errorFields(error) }, 'examination'),
      )
      .finally(() => this.#cleaningUp.delete(cleaningUp));
    this.#cleaningUp.add(cleaningUp);
    const findings = await inTime;
    this.#log(findings);
    return !findings.some(closes);
  }

  /**
   * A KEK that would lose or leak keys closes it too, and one that tags cannot name where they carry copies: every slot would fail. One
   * that does not answer is waited for, and nothing is handed out without it.
   */
  async trusts(keks: KeyWrapper, custody: Config['custody']): Promise<boolean> {
    const findings = (await Array.fromAsync(examineCustody(keks, custody))).filter(isWrong);
    this.#log(findings);
    return !findings.some(closes);
  }

  /** A server that may lose what it has acknowledged closes it too. What else is wrong with the store, its opening has said. */
  async trustsStore(store: Config['store'], inspect: AskDurability): Promise<boolean> {
    const settings = await inspect(store);
    const findings = settings === undefined ? [] : [...examineDurability(settings)].filter(isWrong);
    this.#log(findings);
    return !findings.some(closes);
  }

  /** KEKs that are going, or gone while keys need them: said loudly, but not to serve would save none of those keys. */
  async warnOfKeks(
    keks: KeyWrapper,
    store: Pick<Store, 'keys'>,
    { wrappers }: Config['custody'],
  ): Promise<void> {
    const conditions = await keks.keks();
    for (const finding of [...examineConditions(conditions, Date.now)].filter(isWrong)) {
      const level = finding.outcome === 'unsafe' ? 'error' : 'warn';
      this.#logger[level](finding, 'see `sealslot doctor`');
    }
    try {
      // Counts take seconds of many keys, and only of what is missing they matter.
      const isHeld = (kek: Kek) =>
        conditions.some(({ wrapperId, kekId }) => wrapperId === kek.wrapperId && kekId === kek.kekId);
      if ((await store.keys.neededKeks()).every(isHeld)) return;
      const usage = await store.keys.usage();
      for (const finding of [...examineNeeded(conditions, usage, wrappers)].filter(isWrong)) {
        const level = finding.outcome === 'off' ? 'error' : 'warn';
        this.#logger[level](finding, 'see `sealslot kek status`');
      }
    } catch (error) {
      this.#logger.error({ error: errorFields(error) }, 'what KEKs are needed is not known');
    }
  }

  /** A reload that leaves buckets and targets as they are is not held up: it may be there to shut somebody out. */
  async opensForReload(inForce: Config, next: Config): Promise<boolean> {
    return !reachesElsewhere(inForce, next) || this.opensFor(next);
  }

  /** Others who may read or write what they should not: said, but no reason not to serve, as the one who asks may be the only user here. */
  async warnOfFiles(config: Config, configPath: string | undefined): Promise<void> {
    for await (const finding of examineFiles({ config, configPath })) {
      if (finding.outcome !== 'ok' && finding.outcome !== 'note') {
        this.#logger.warn(finding, 'see `sealslot doctor`');
      }
    }
  }

  /** @returns whether all canaries were seen to; false when S3 was too slow for that. */
  async settled(): Promise<boolean> {
    const late = delay(PATIENCE_MS, false, { ref: false });
    const settled = await Promise.race([Promise.all(this.#cleaningUp).then(() => true), late]);
    if (!settled) this.#logger.warn('ends before S3 has removed the canaries below .sealslot-doctor/');
    return settled;
  }

  #log(findings: readonly Finding[]): void {
    this.#closedBy.push(...findings.filter(closes));
    for (const finding of findings) {
      if (finding.outcome === 'unsafe') this.#logger.fatal(finding, 'unsafe, see `sealslot doctor`');
      else if (closes(finding)) this.#logger.fatal(finding, 'not started, see `sealslot doctor`');
      else this.#logger.warn(finding, 'see `sealslot doctor`');
    }
  }
}

function isWrong({ outcome }: Finding): boolean {
  return outcome !== 'ok';
}

function closes({ outcome, check }: Finding): boolean {
  return outcome === 'unsafe' || (outcome === 'off' && check === 'custody.copies');
}

/** Whether `next` has a bucket, or a way to one, that was not examined before. */
export function reachesElsewhere(inForce: Config, next: Config): boolean {
  const known = Object.values(inForce.tenants);
  return Object.values(next.tenants).some(
    ({ target, bucket, methods }) =>
      inForce.s3.targets[target] !== next.s3.targets[target] ||
      !known.some(
        (tenant) =>
          tenant.target === target &&
          tenant.bucket === bucket &&
          methods.every((method) => tenant.methods.includes(method)),
      ),
  );
}
