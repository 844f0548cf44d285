import type { Row } from '../sql/rows.ts';
import type { Connection } from './connection.ts';
import { isOfValues } from './errors.ts';
import { oneAtATime } from './one-at-a-time.ts';

interface Asked<Key, Found> {
  readonly key: Key;
  readonly answer: PromiseWithResolvers<Found | undefined>;
}

/**
 * Look-ups that come while one is under way are asked together by the next. So each sees what was committed before it came, as if it had
 * been asked alone, and many at once cost the server and the way there little more than one. One that comes alone waits for nobody.
 * @param nameOf two keys of one name are one question.
 * @param ask what is there of some keys, by name.
 */
export function gathered<Key, Found>(
  nameOf: (key: Key) => string,
  ask: (keys: readonly Key[]) => Promise<ReadonlyMap<string, Found>>,
): (key: Key) => Promise<Found | undefined> {
  let next = new Map<string, Asked<Key, Found>>();
  const askNext = oneAtATime((end) => {
    if (next.size === 0) return false;
    const group = next;
    next = new Map();
    void answer(group).finally(end);
    return true;
  });

  async function answer(group: ReadonlyMap<string, Asked<Key, Found>>): Promise<void> {
    try {
      const found = await ask([...group.values()].map(({ key }) => key));
      for (const [name, one] of group) one.answer.resolve(found.get(name));
    } catch (error) {
      // Of one key; the others have not deserved it.
      if (group.size > 1 && isOfValues(error)) await Promise.all([...group].map(answerAlone));
      else for (const one of group.values()) one.answer.reject(error);
    }
  }

  const answerAlone = (one: [string, Asked<Key, Found>]): Promise<void> => answer(new Map([one]));

  return (key) => {
    const name = nameOf(key);
    let one = next.get(name);
    if (one === undefined) {
      one = { key, answer: Promise.withResolvers() };
      next.set(name, one);
      askNext();
    }
    return one.answer.promise;
  };
}

/**
 * Look-ups of what has an id.
 * @param sql of all that have one of `:ids`.
 */
export function gatheredById<Found extends { readonly id: string }>(
  connection: Connection,
  sql: string,
  toFound: (row: Row) => Found,
): (id: string) => Promise<Found | undefined> {
  return gathered(
    (id) => id,
    async (ids) => byName((await connection.one(sql, { ids })).map(toFound), ({ id }) => id),
  );
}

/** By a name that each row has. */
export function byName<Row>(rows: readonly Row[], nameOf: (row: Row) => string): Map<string, Row> {
  return new Map(rows.map((row) => [nameOf(row), row]));
}
