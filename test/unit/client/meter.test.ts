import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Meter } from '../../../src/client/meter.ts';

describe('Meter', () => {
  it('adds up, never goes back, and never over the size', () => {
    const told: number[] = [];
    const meter = new Meter(100, ({ bytes }) => told.push(bytes));
    meter.listed(20, false);
    meter.moved(1, 30);
    meter.moved(2, 10);
    meter.failed(1);
    meter.moved(1, 35);
    meter.finished(1, 40);
    meter.moved(2, 45);
    meter.finished(2, 40);
    assert.deepEqual(told, [20, 50, 60, 65, 70, 100]);
  });

  it('tells what an earlier run had sent, and does not count our own as such', () => {
    const told: number[] = [];
    const meter = new Meter(100, ({ resumed }) => told.push(resumed));
    meter.listed(20, false);
    meter.listed(60, true);
    meter.moved(1, 40);
    assert.deepEqual(told, [20, 20, 20]);
  });
});
