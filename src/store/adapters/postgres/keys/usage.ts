import type { KekUse } from '../../../port.ts';
import type { Session } from '../connection.ts';
import { toUsage } from '../../sql/usage.ts';

/** Ten million keys are counted in seconds, but on a cold disk in minutes. */
const COUNTING_MS = 600_000;

/** One statement, so that all counts are of one moment. Each is of one index, whose rows are visited only where they have changed lately. */
const USAGE = `
  SELECT 'objectKeys' AS kind, wrapper_id, kek_id, count(*) AS keys FROM keys
    WHERE wrapped IS NOT NULL GROUP BY wrapper_id, kek_id
  UNION ALL
  SELECT 'copies', copy_wrapper_id, copy_kek_id, count(*) FROM keys
    WHERE wrapped IS NOT NULL AND copy_wrapper_id IS NOT NULL GROUP BY copy_wrapper_id, copy_kek_id
  UNION ALL
  SELECT 'intermediateKeys', wrapper_id, kek_id, count(*) FROM intermediate_keys
    WHERE wrapped IS NOT NULL GROUP BY wrapper_id, kek_id
  UNION ALL
  SELECT 'copies', copy_wrapper_id, copy_kek_id, count(*) FROM intermediate_keys
    WHERE wrapped IS NOT NULL AND copy_wrapper_id IS NOT NULL GROUP BY copy_wrapper_id, copy_kek_id`;

/** In a session of its own, whose timeout it changes. */
export async function countUsage(session: Session): Promise<KekUse[]> {
  await session.script(`SET statement_timeout = ${COUNTING_MS}`);
  return toUsage(await session.all(USAGE));
}
