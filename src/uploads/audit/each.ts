import { isUnknown, type AuditFinding } from './finding.ts';

/** Where everything fails, one after the other, waiting for each does not help. */
const GIVE_UP_AFTER = 20;

export interface Looked {
  /** How many of them said something, right or wrong. */
  readonly looked: number;
  /** How many there were; undefined when it ended before that was known. */
  readonly total: number | undefined;
}

/**
 * Looks at each, so many at once, until the end, the signal, or so many unknown ones in a row.
 * @throws what `look` throws, once the others have ended.
 */
export async function lookAtEach<T>(
  all: AsyncIterable<T>,
  look: (one: T) => Promise<readonly AuditFinding[]>,
  options: {
    readonly parallel: number;
    readonly signal: AbortSignal;
    readonly report: (finding: AuditFinding) => void;
    readonly progress: () => void;
  },
): Promise<Looked> {
  const source = all[Symbol.asyncIterator]();
  let total = 0;
  let looked = 0;
  let unknownInARow = 0;
  const state = { isEnded: false, hasFailed: false };

  async function worker(): Promise<void> {
    while (!options.signal.aborted && !state.hasFailed && unknownInARow < GIVE_UP_AFTER) {
      const next = await source.next();
      if (next.done === true) {
        state.isEnded = true;
        return;
      }
      total += 1;
      const findings = await look(next.value);
      findings.forEach(options.report);
      if (findings.some(isUnknown)) unknownInARow += 1;
      else {
        unknownInARow = 0;
        looked += 1;
      }
      options.progress();
    }
  }

  const workers = Array.from({ length: options.parallel }, () =>
    worker().catch((error: unknown) => {
      state.hasFailed = true;
      throw error;
    }),
  );
  const ends = await Promise.allSettled(workers);
  await source.return?.(undefined);
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure) throw failure.reason;
  return { looked, total: state.isEnded ? total : undefined };
}
