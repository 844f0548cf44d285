import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { createLooks, type Looks } from '../../../src/jobs/looks.ts';
import type { Upload, UploadState } from '../../../src/uploads/upload.ts';

const slot = (tenant: string, n: number, state: UploadState = 'issued'): Upload =>
  ({ id: `${tenant}-${n}`, tenant, state }) as Upload;
const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** Looks that last until they are ended. */
function world() {
  const begun: string[] = [];
  const inHand = new Map<string, () => void>();
  const looks: Looks = createLooks((upload) => {
    assert.equal(inHand.has(upload.id), false, 'one look at a slot at a time');
    const { promise, resolve } = Promise.withResolvers<undefined>();
    begun.push(`${upload.id} ${upload.state}`);
    inHand.set(upload.id, () => resolve(undefined));
    return promise;
  });
  const end = async (id: string): Promise<void> => {
    const resolve = inHand.get(id) ?? assert.fail(`${id} is not in hand`);
    inHand.delete(id);
    resolve();
    await setImmediate();
  };
  const endFirst = async (): Promise<void> => {
    const [id] = inHand.keys();
    await end(id ?? assert.fail('nothing is in hand'));
  };
  return { looks, begun, inHand, end, endFirst };
}

describe('looks', () => {
  it('are few at once, and of one tenant half of them', async () => {
    const w = world();
    for (const n of range(10_000)) w.looks.add(slot('loud', n));
    assert.equal(w.inHand.size, 4);
    for (const tenant of ['a', 'b', 'c', 'd', 'e']) w.looks.add(slot(tenant, 1));
    assert.equal(w.inHand.size, 8);
    for (let ended = 0; ended < 50; ended += 1) {
      await w.endFirst();
      assert.ok(w.inHand.size <= 8);
      assert.ok([...w.inHand.keys()].filter((id) => id.startsWith('loud')).length <= 4);
    }
    assert.ok(w.begun.includes('e-1 issued'));
  });

  it('a DELETE begins at once in a storm of another tenant’s hints, and of its own', () => {
    const w = world();
    for (const n of range(10_000)) w.looks.add(slot('loud', n));
    w.looks.add(slot('quiet', 1, 'deleting'));
    w.looks.add(slot('loud', 9_999, 'deleting'));
    assert.deepEqual(w.begun.slice(4), ['quiet-1 deleting', 'loud-9999 deleting']);
  });

  it('tenants take turns, however much each has waiting', async () => {
    const w = world();
    for (const tenant of ['a', 'b', 'c']) for (const n of range(100)) w.looks.add(slot(tenant, n));
    for (let ended = 0; ended < 90; ended += 1) await w.endFirst();
    const shares = ['a', 'b', 'c'].map((tenant) => w.begun.filter((id) => id.startsWith(tenant)).length);
    assert.ok(Math.max(...shares) - Math.min(...shares) <= 5, shares.join());
  });

  it('a slot waits once, by what came last; a hint never takes the place of a removal', async () => {
    const w = world();
    for (const n of range(4)) w.looks.add(slot('a', n));
    for (const n of range(4)) w.looks.add(slot('a', n, 'deleting'));
    for (let times = 0; times < 10; times += 1) w.looks.add(slot('a', 9));
    w.looks.add(slot('a', 1));
    assert.equal(w.begun.length, 4, 'what is in hand is not looked at beside');
    for (const n of range(4)) await w.end(`a-${n}`);
    assert.deepEqual(
      w.begun.slice(4).sort(),
      ['a-0 deleting', 'a-1 deleting', 'a-2 deleting', 'a-3 deleting', 'a-9 issued'].sort(),
    );
    while (w.inHand.size > 0) await w.endFirst();
    assert.equal(w.begun.length, 9);
  });

  it('one tenant’s queue has an end, and another’s is not full because of it', async () => {
    const w = world();
    for (const n of range(10_100)) w.looks.add(slot('loud', n));
    for (const n of range(5)) w.looks.add(slot('quiet', n));
    while (w.inHand.size > 0) await w.endFirst();
    assert.equal(w.begun.length, 10_004 + 5);
  });

  it('stop ends what is in hand and begins nothing', async () => {
    const w = world();
    for (const n of range(6)) w.looks.add(slot('a', n));
    let isStopped = false;
    const stopped = w.looks.stop().then(() => (isStopped = true));
    for (const n of range(4)) {
      assert.equal(isStopped, false);
      await w.end(`a-${n}`);
    }
    await stopped;
    w.looks.add(slot('a', 9));
    assert.equal(w.begun.length, 4);
  });
});
