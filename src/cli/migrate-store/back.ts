import { openMove, openMoveSource } from '../../composition.ts';
import type { PostgresConfig, SqliteConfig } from '../../config/config.ts';
import { takeBack, wayBack } from '../../store/move/back.ts';
import { EXIT_INTERRUPTED, UsageError } from '../command.ts';
import type { MoveReport } from './report.ts';

interface Going {
  readonly report: MoveReport;
  readonly signal: AbortSignal;
}

/** Has the old store open again. Of a finished move only while nothing was written in the new one. */
export async function goBack(
  from: SqliteConfig,
  to: PostgresConfig | undefined,
  { report, signal }: Going,
): Promise<number> {
  const back = await giveUpUnfinished(from);
  if (back === 'unmoved') {
    report.end('unmoved', `${from.path} is not being moved, and was not.`);
    return 0;
  }
  if (back === 'unfinished') {
    report.end(
      'given_up',
      `${from.path} opens again. What was copied is of no use: begin with an empty database.`,
    );
    return 0;
  }
  if (to === undefined) {
    throw new UsageError(
      'the move is finished: --to, so that the stores are compared first; what was written in the new one would be lost',
    );
  }
  await using pair = await openMove(from, to, { looksOnly: false });
  const isBack = await takeBack(pair, {
    signal,
    progress: (progress) => report.progress(progress),
    differs: (difference) => report.difference(difference),
  });
  if (isBack) {
    report.end('back', `${from.path} opens again, and ${pair.target.name} no more.`);
    return 0;
  }
  if (signal.aborted) {
    report.end('interrupted', 'Interrupted; nothing was changed.', { isDone: false });
    return EXIT_INTERRUPTED;
  }
  report.end(
    'differs',
    `Nothing was changed: ${pair.target.name} has been written to since, and holds what ${from.path} does not.`,
    { isDone: false },
  );
  return 1;
}

async function giveUpUnfinished(from: SqliteConfig): ReturnType<typeof wayBack> {
  await using source = await openMoveSource(from);
  const back = await wayBack(source);
  if (back === 'unfinished') await source.dropMark();
  return back;
}
