import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { onceATurn } from '../../../src/store/adapters/sqlite/once-a-turn.ts';

describe('look-ups of one turn', () => {
  it('share one reading, which begins after the last of them came', async () => {
    let now = 'before';
    let readings = 0;
    const find = onceATurn(async (id: string) => `${id} ${now} ${(readings += 1)}`);
    const first = find('a');
    now = 'after';
    const others = [find('a'), find('a'), find('b')];
    assert.deepEqual(await Promise.all([first, ...others]), [
      'a after 1',
      'a after 1',
      'a after 1',
      'b after 2',
    ]);
  });

  it('of the next turn read anew', async () => {
    let readings = 0;
    const find = onceATurn(async () => (readings += 1));
    assert.equal(await find('a'), 1);
    assert.equal(await find('a'), 2);
    await setImmediate();
    assert.equal(await find('a'), 3);
  });

  it('fail together, and not the next', async () => {
    let fails = true;
    const find = onceATurn(async () => {
      if (fails) throw new Error('no');
      return 'found';
    });
    const both = [find('a'), find('a')];
    for (const one of both) await assert.rejects(one, /no/);
    fails = false;
    assert.equal(await find('a'), 'found');
  });
});
