import type { CustodyStore } from '../../port.ts';
import type { Connection } from './connection.ts';
import { text } from '../sql/rows.ts';
import { fromKek } from '../sql/wrapped.ts';

const IS_NEEDED = `
  SELECT 1 FROM keys WHERE wrapped_id IS NOT NULL AND wrapper_id = :wrapper_id AND kek_id = :kek_id
  UNION ALL SELECT 1 FROM keys WHERE wrapped_id IS NOT NULL AND copy_wrapper_id = :wrapper_id AND copy_kek_id = :kek_id
  UNION ALL SELECT 1 FROM intermediate_keys WHERE wrapped_id IS NOT NULL
    AND ((wrapper_id = :wrapper_id AND kek_id = :kek_id) OR (copy_wrapper_id = :wrapper_id AND copy_kek_id = :kek_id))
  LIMIT 1`;

export function sqliteCustody(connection: Connection): CustodyStore {
  const announce = connection.prepare(
    'INSERT INTO serving (id, wrappers) VALUES (1, ?) ON CONFLICT DO UPDATE SET wrappers = excluded.wrappers',
  );
  const announced = connection.prepare('SELECT wrappers FROM serving');
  const isNeeded = connection.prepare(IS_NEEDED);
  const retire = connection.prepare(
    'INSERT INTO retired_keks (wrapper_id, kek_id, retired_at) VALUES (:wrapper_id, :kek_id, :at) ON CONFLICT DO NOTHING',
  );
  return {
    announce: (wrappers) =>
      connection.write(() => {
        announce.run(JSON.stringify(wrappers));
      }),
    announced: () =>
      connection.read(() => {
        const row = announced.get();
        return row && (JSON.parse(text(row, 'wrappers')) as string[]);
      }),
    retire: (kek, at) =>
      connection.write(() => {
        if (isNeeded.get(fromKek(kek))) return false;
        retire.run({ ...fromKek(kek), at });
        return true;
      }),
  };
}
