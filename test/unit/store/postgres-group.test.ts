import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { groupCommit } from '../../../src/store/adapters/postgres/uploads/group.ts';
import type { InsertCall, Verdict } from '../../../src/store/adapters/postgres/uploads/settle.ts';

const CALL: InsertCall = { slots: [], idempotency: undefined, now: 0, grant: undefined, quotas: [] };

/** A database that answers when it is told to. */
function database() {
  const groups: PromiseWithResolvers<readonly Verdict[]>[] = [];
  const sizes: number[] = [];
  const insert = groupCommit((calls) => {
    const answer = Promise.withResolvers<readonly Verdict[]>();
    groups.push(answer);
    sizes.push(calls.length);
    return answer.promise;
  });
  const answer = (n: number): void => {
    groups[n]?.resolve(Array.from({ length: sizes[n] ?? 0 }, () => ({ kind: 'stored' })));
  };
  return { insert: () => insert(CALL), sizes, answer };
}

describe('group commit on PostgreSQL', () => {
  it('commits together what comes while others are being committed', async () => {
    const { insert, sizes, answer } = database();
    const first = insert();
    await setImmediate();
    const others = [insert(), insert(), insert()];
    await setImmediate();
    assert.deepEqual(sizes, [1]);
    answer(0);
    await first;
    assert.deepEqual(sizes, [1, 3]);
    answer(1);
    await Promise.all(others);
  });

  it('goes on behind a group that takes long, with one more and no third', async () => {
    const { insert, sizes, answer } = database();
    const stuck = insert();
    await setImmediate();
    const behind = insert();
    while (sizes.length < 2) await setImmediate();
    const third = insert();
    answer(1);
    await behind;
    assert.deepEqual(sizes, [1, 1, 1]);
    const fourth = insert();
    answer(2);
    await third;
    answer(3);
    await fourth;
    answer(0);
    await stuck;
    assert.deepEqual(sizes, [1, 1, 1, 1]);
  });
});
