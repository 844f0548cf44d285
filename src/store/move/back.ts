import { MoveRefused } from '../errors.ts';
import type { Pair } from './copy.ts';
import { compareAll, demandFree, type MoveRun } from './move.ts';
import type { MoveSource } from './port.ts';

/** What is to be done so that the source may be served from again. */
export type Back = 'unmoved' | 'unfinished' | 'moved';

export async function wayBack(source: MoveSource): Promise<Back> {
  const mark = await source.mark();
  if (mark === undefined) return 'unmoved';
  return mark.finishedAt === null ? 'unfinished' : 'moved';
}

/**
 * Takes a finished move back, which loses nothing only while the target holds just what was moved: then the target opens no more, and the
 * source does.
 * @returns false, and nothing was changed, when they differ or the signal has asked for an end.
 * @throws MoveRefused when the source was moved elsewhere, or somebody serves from the target.
 */
export async function takeBack(
  pair: Pair,
  run: Pick<MoveRun, 'signal' | 'progress' | 'differs'>,
): Promise<boolean> {
  const { source, target } = pair;
  const [ours, theirs] = [await source.mark(), await target.mark()];
  if (ours === undefined || ours.id !== theirs?.id) {
    throw new MoveRefused(`The store ${source.path} has not been moved to ${target.name}.`);
  }
  await demandFree(target);
  // First, so that nobody begins to serve meanwhile. Put back where the stores differ: then the target is the one that is right.
  await target.giveUp(ours.id);
  const { areEqual } = await compareAll(pair, run);
  if (!areEqual || run.signal.aborted) {
    if (theirs.finishedAt !== null) await target.finish(ours.id, theirs.finishedAt);
    return false;
  }
  await source.dropMark();
  return true;
}
