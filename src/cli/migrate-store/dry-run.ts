import type { Pair } from '../../store/move/copy.ts';
import { examineMove } from '../../store/move/move.ts';
import { MOVED_TABLES } from '../../store/move/tables.ts';
import type { MoveReport } from './report.ts';

/** Says what would be copied, also beside a running service, and changes nothing. @throws what a move would be refused with. */
export async function rehearse(pair: Pair, report: MoveReport): Promise<number> {
  await examineMove(pair);
  const counts: string[] = [];
  for (const table of MOVED_TABLES) counts.push(`${table.name}: ${await pair.source.count(table)} rows`);
  report.end('dry_run', `${counts.join('\n')}\nNothing was copied. Stop the service before you do.`);
  return 0;
}
