import type { Clock } from '../../clock.ts';
import { MoveRefused, StoreMoved } from '../errors.ts';
import { compareTable, isSame, type Difference, type TableDigests } from './compare.ts';
import { copyTable, type Pair } from './copy.ts';
import type { MoveMark, MoveTarget } from './port.ts';
import { MOVED_TABLES } from './tables.ts';

export interface MoveRun {
  readonly now: Clock;
  readonly newId: () => string;
  /** Asks for an end at the next commit. */
  readonly signal: AbortSignal;
  readonly progress: (progress: MoveProgress) => void;
  readonly differs: (difference: Difference) => void;
  /** Opens keys in both stores. @returns whether all that opened before open now. */
  readonly keysOpen: () => Promise<boolean>;
}

export interface MoveProgress {
  readonly step: 'copied' | 'compared';
  readonly table: string;
  readonly rows: number;
  readonly of: number;
}

export type MoveEnd =
  | { readonly kind: 'moved'; readonly tables: ReadonlyMap<string, TableDigests> }
  /** A run before this one has finished it. */
  | { readonly kind: 'already'; readonly finishedAt: number }
  /** What was told of. The target stays unfinished. */
  | { readonly kind: 'differs'; readonly tables: ReadonlyMap<string, TableDigests> }
  | { readonly kind: 'interrupted' };

/**
 * Copies the source, or what is left of it, compares all of it, and marks both: the target as finished, the source as moved. A run that
 * ends in between, however it ends, is gone on with by the next.
 * @throws MoveRefused, StoreMoved, and nothing was done. DependencyUnavailable.
 */
export async function moveStore(pair: Pair, run: MoveRun): Promise<MoveEnd> {
  const { source, target } = pair;
  const mark = await agreedMark(pair, run);
  if (mark.finishedAt !== null) {
    // A run may have ended between the two marks.
    await source.putMark(mark);
    return { kind: 'already', finishedAt: mark.finishedAt };
  }
  await demandFree(target);
  // First the source: from here on nothing is written there that would be missing in the target.
  await source.putMark(mark);
  if ((await target.mark()) === undefined) await target.begin({ ...mark, other: source.path });
  await copyAll(pair, run);
  await target.alignNumbers();
  const { tables, areEqual } = await compareAll(pair, run);
  const doOpen = await run.keysOpen();
  // Each step ends early when it is asked to; what it says then is of no use.
  if (run.signal.aborted) return { kind: 'interrupted' };
  if (!areEqual || !doOpen) return { kind: 'differs', tables };
  await demandFree(target);
  await finish(pair, mark, run);
  return { kind: 'moved', tables };
}

/** What has begun to serve from it before it was marked would write to it meanwhile. @throws MoveRefused. */
export async function demandFree(target: MoveTarget): Promise<void> {
  const replicas = await target.servedBy();
  if (replicas === 0) return;
  throw new MoveRefused(`Stop the replicas first: ${replicas} serve from ${target.name}.`);
}

/** What a move would be refused with, without changing anything. @throws MoveRefused, StoreMoved. */
export async function examineMove(pair: Pair): Promise<void> {
  const mark = await agreedMark(pair, { now: () => 0, newId: () => '' });
  if (mark.finishedAt === null) await demandFree(pair.target);
}

/** The mark of this move: that of the run before, or a new one; the finished one, where both stores have it. */
async function agreedMark(pair: Pair, run: Pick<MoveRun, 'now' | 'newId'>): Promise<MoveMark> {
  const { source, target } = pair;
  const [ours, theirs] = [await source.mark(), await target.mark()];
  const isOne = ours !== undefined && ours.id === theirs?.id;
  const finishedAt = isOne ? theirs.finishedAt : null;
  if (ours && ours.finishedAt !== null && finishedAt === null) {
    throw new StoreMoved(`The store ${source.path} has been moved to ${ours.other} already.`);
  }
  const occupied = theirs ? undefined : await target.occupied();
  if (occupied !== undefined) {
    throw new MoveRefused(`Move to an empty database: there are rows in ${occupied} of ${target.name}.`);
  }
  if (theirs && !isOne) {
    throw new MoveRefused(
      `Move to an empty database: ${target.name} holds what was copied from ${theirs.other} by another move, or by one that was given up.`,
    );
  }
  if (ours !== undefined) return { ...ours, other: target.name, finishedAt };
  return { id: run.newId(), other: target.name, begunAt: run.now(), finishedAt: null };
}

async function copyAll(pair: Pair, { signal, progress }: MoveRun): Promise<void> {
  for (const table of MOVED_TABLES) {
    const of = await pair.source.count(table);
    const copied = (rows: number) => progress({ step: 'copied', table: table.name, rows, of });
    await copyTable(pair, table, { copied, signal });
  }
}

export interface Compared {
  readonly tables: ReadonlyMap<string, TableDigests>;
  readonly areEqual: boolean;
}

/** Every row of every table, read anew from both stores. */
export async function compareAll(
  pair: Pair,
  { signal, progress, differs }: Pick<MoveRun, 'signal' | 'progress' | 'differs'>,
): Promise<Compared> {
  const tables = new Map<string, TableDigests>();
  for (const table of MOVED_TABLES) {
    const of = await pair.source.count(table);
    let rows = 0;
    const seen = () => progress({ step: 'compared', table: table.name, rows: (rows += 1), of });
    tables.set(table.name, await compareTable(pair, table, { signal, seen, differs }));
  }
  return { tables, areEqual: [...tables.values()].every(isSame) };
}

async function finish({ source, target }: Pair, mark: MoveMark, { now }: MoveRun): Promise<void> {
  const finishedAt = now();
  await target.finish(mark.id, finishedAt);
  await source.putMark({ ...mark, other: target.name, finishedAt });
}
