import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { KekCondition } from '../../../src/custody/port.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { createHeartbeat } from '../../../src/service/heartbeat.ts';
import type { Replica, Store } from '../../../src/store/port.ts';

const condition = (kekId: string): KekCondition => ({ wrapperId: 'local', kekId, state: 'usable' });

function world() {
  const said: Replica[] = [];
  const errors: unknown[] = [];
  const state = { now: 1_000_000, down: false, withdrawn: 0, keks: [condition('kek-1')] };
  const answer = (): void => {
    if (state.down) throw new DependencyUnavailable('store', undefined);
  };
  const custody = {
    announce: async (replica: Replica) => (answer(), void said.push(replica)),
    withdraw: async () => (answer(), void (state.withdrawn += 1)),
  };
  const heartbeat = createHeartbeat({
    replicaId: 'r1',
    wrappers: ['local'],
    keks: { keks: async () => state.keks },
    store: { custody } as unknown as Store,
    now: () => state.now,
    onError: (error) => errors.push(error),
  });
  const pass = async (seconds: number): Promise<void> => {
    for (let passed = 0; passed < seconds; passed += 5) {
      state.now += 5_000;
      mock.timers.tick(5_000);
      for (let turn = 0; turn < 10; turn += 1) await setImmediate();
    }
  };
  return { heartbeat, said, errors, state, pass };
}

describe('what a process says of itself', { concurrency: false }, () => {
  it('is said at once, each half minute, and as soon as its KEKs have changed', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const { heartbeat, said, state, pass } = world();
      await heartbeat.begin();
      const keks = [{ wrapperId: 'local', kekId: 'kek-1' }];
      assert.deepEqual(said, [{ id: 'r1', wrappers: ['local'], keks, at: 1_000_000 }]);
      await pass(25);
      assert.equal(said.length, 1);
      await pass(5);
      assert.equal(said.length, 2);
      state.keks = [condition('kek-2'), condition('kek-1')];
      await pass(5);
      assert.deepEqual(
        said.at(-1)?.keks.map(({ kekId }) => kekId),
        ['kek-2', 'kek-1'],
      );
      await heartbeat.end();
      assert.equal(state.withdrawn, 1);
      await pass(60);
      assert.equal(said.length, 3, 'nothing more after its end');
    } finally {
      mock.timers.reset();
    }
  });

  it('a store that is down ends nothing: it is told as soon as it is back, and at the end need not be', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const { heartbeat, said, errors, state, pass } = world();
      await heartbeat.begin();
      state.down = true;
      await pass(45);
      assert.equal(said.length, 1);
      assert.equal(errors.length, 4, 'each look from the time on that it is due');
      state.down = false;
      await pass(5);
      assert.equal(said.length, 2);
      state.down = true;
      await heartbeat.end();
      assert.equal(errors.length, 5);
    } finally {
      mock.timers.reset();
    }
  });

  it('a first word that is not heard is the caller’s to know', async () => {
    const { heartbeat, state } = world();
    state.down = true;
    await assert.rejects(heartbeat.begin(), DependencyUnavailable);
    await heartbeat.end();
    assert.equal(state.withdrawn, 0);
  });
});
