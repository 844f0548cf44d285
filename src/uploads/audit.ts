import type { AuditContext } from './audit/context.ts';
import { lookAtEach, type Looked } from './audit/each.ts';
import { isWrong, type AuditFinding } from './audit/finding.ts';
import { examineIntermediates } from './audit/intermediates.ts';
import { examineListed } from './audit/listed.ts';
import { ownersIn } from './audit/owners.ts';
import { examineSlot } from './audit/slot.ts';
import { bucketsOf, sampleOf, slotsIn, versionsIn, type AuditedBucket } from './audit/sources.ts';

/** What was looked at of one kind. */
export interface Part extends Looked {
  /**
   * Only of a sample in which nothing was wrong: with 95 % confidence a smaller part than this of all is wrong (the rule of three).
   */
  readonly wrongBelow: number | undefined;
}

export interface Checked {
  readonly intermediateKeys: number;
  readonly slots: Part;
  readonly versions: Part;
  readonly buckets: readonly AuditedBucket[];
}

/** How far it is, for a person who waits. */
export interface AuditProgress {
  readonly phase: 'slots' | 'versions';
  readonly done: number;
}

/**
 * Compares store, KEKs and S3, and changes nothing. Memory does not grow with the number of slots or objects. May run beside the service:
 * what it finds it has asked twice.
 * @throws DependencyUnavailable('store'), when nothing can be said.
 */
export async function audit(
  context: AuditContext,
  progress: (at: AuditProgress) => void = () => undefined,
): Promise<Checked> {
  const { store } = context.services;
  const { unopened, looked: intermediateKeys } = await examineIntermediates(context);
  const slots = await examinePart(
    context,
    slotsIn(store.keys, context.tenant),
    (slot) => examineSlot(context, unopened, slot),
    (done) => progress({ phase: 'slots', done }),
  );
  const buckets = bucketsOf(context);
  const listed = { ...context, unopened, findOwner: ownersIn(context) };
  const versions = await examinePart(
    context,
    versionsIn(context, buckets),
    (version) => examineListed(listed, version),
    (done) => progress({ phase: 'versions', done }),
  );
  return { intermediateKeys, slots, versions, buckets };
}

async function examinePart<T>(
  { sample, random, signal, parallel, report }: AuditContext,
  all: AsyncIterable<T>,
  look: (one: T) => Promise<readonly AuditFinding[]>,
  progress: (done: number) => void,
): Promise<Part> {
  let done = 0;
  let wrong = 0;
  const options = {
    parallel,
    signal,
    report(finding: AuditFinding) {
      if (isWrong(finding)) wrong += 1;
      report(finding);
    },
    progress: () => progress((done += 1)),
  };
  if (sample === undefined) return { ...(await lookAtEach(all, look, options)), wrongBelow: undefined };
  const { chosen, total } = await sampleOf(all, sample, random, signal);
  const { looked } = await lookAtEach(fromArray(chosen), look, options);
  const isPart = looked < total && looked > 0 && wrong === 0;
  return {
    looked,
    total: signal.aborted ? undefined : total,
    wrongBelow: isPart ? Math.min(1, 3 / looked) : undefined,
  };
}

async function* fromArray<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
