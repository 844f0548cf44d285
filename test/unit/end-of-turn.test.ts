import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { endOfTurn } from '../../src/end-of-turn.ts';

describe('the end of a turn', () => {
  it('is one for all who wait in the turn, who go on step by step together', async () => {
    const steps: string[] = [];
    const go = async (name: string): Promise<void> => {
      await endOfTurn();
      steps.push(`${name}1`);
      await Promise.resolve();
      steps.push(`${name}2`);
    };
    const both = [go('a'), go('b')];
    await Promise.resolve();
    assert.deepEqual(steps, []);
    await setImmediate();
    assert.deepEqual(steps, ['a1', 'b1', 'a2', 'b2']);
    await Promise.all(both);
  });

  it('comes again in the next turn, also for who goes on at the end of one', async () => {
    const turns: number[] = [];
    const first = endOfTurn();
    await first;
    const second = endOfTurn();
    assert.notEqual(second, first);
    void second.then(() => turns.push(2));
    await Promise.resolve();
    assert.deepEqual(turns, []);
    await second;
    assert.deepEqual(turns, [2]);
  });
});
