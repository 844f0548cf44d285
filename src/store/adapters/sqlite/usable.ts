import { INTERMEDIATE } from '../../../custody/intermediate.ts';
import type { WrappedKey } from '../../../custody/port.ts';
import { IntermediateGone, KekRetired } from '../../errors.ts';
import type { Connection } from './connection.ts';
import { GET } from './intermediates-sql.ts';

/**
 * To be asked in the transaction that stores a wrapped key: a process may hold an intermediate key in its cache, or a KEK in its memory,
 * that was destroyed or retired meanwhile, and nobody could open that key once the process is gone.
 * @throws IntermediateGone, KekRetired
 */
export function usableGuard(connection: Connection): (wrapped: WrappedKey) => void {
  const intermediate = connection.prepare(GET);
  const retired = connection.prepare('SELECT 1 FROM retired_keks WHERE wrapper_id = ? AND kek_id = ?');
  return ({ wrapperId, kekId }) => {
    if (wrapperId === INTERMEDIATE) {
      if (!intermediate.get({ id: kekId })) throw new IntermediateGone(kekId);
    } else if (retired.get(wrapperId, kekId)) throw new KekRetired(wrapperId, kekId);
  };
}
