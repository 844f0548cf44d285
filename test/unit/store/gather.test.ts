import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { unavailable } from '../../../src/store/adapters/postgres/errors.ts';
import { gathered } from '../../../src/store/adapters/postgres/gather.ts';

/** A store of texts by key, whose answers wait for the test. */
function world() {
  const rows = new Map([
    ['a', 'A'],
    ['b', 'B'],
  ]);
  const asked: { keys: readonly string[]; answer(): void; fail(error: unknown): void }[] = [];
  const find = gathered(
    (key: string) => key,
    (keys: readonly string[]) => {
      const { promise, resolve, reject } = Promise.withResolvers<ReadonlyMap<string, string>>();
      // As they are when the statement begins.
      const found = new Map([...rows].filter(([key]) => keys.includes(key)));
      asked.push({ keys, answer: () => resolve(found), fail: reject });
      return promise;
    },
  );
  return { rows, asked, find, keys: () => asked.map(({ keys }) => keys) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** PostgreSQL's refusal of a value. */
function refusal(): DependencyUnavailable {
  const error = Object.assign(new Error('invalid byte sequence'), { severity: 'ERROR', code: '22021' });
  return unavailable(error);
}

function still(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  return t.mock.timers;
}

describe('gathered look-ups', () => {
  it('wait for nobody when they come alone', async () => {
    const { asked, find, keys } = world();
    const a = find('a');
    assert.deepEqual(keys(), [['a']]);
    asked[0]?.answer();
    assert.equal(await a, 'A');
    await settled();
    const none = find('none');
    assert.deepEqual(keys(), [['a'], ['none']]);
    asked[1]?.answer();
    assert.equal(await none, undefined);
  });

  it('are asked together while others are under way, each key once, each with its own answer', async () => {
    const { asked, find, keys } = world();
    const first = find('a');
    const rest = ['b', 'none', 'b', 'a'].map(find);
    assert.deepEqual(keys(), [['a']]);
    asked[0]?.answer();
    assert.equal(await first, 'A');
    await settled();
    assert.deepEqual(keys(), [['a'], ['b', 'none', 'a']]);
    asked[1]?.answer();
    assert.deepEqual(await Promise.all(rest), ['B', undefined, 'B', 'A']);
  });

  it('see what was committed before they came, though an older one is under way', async () => {
    const { rows, asked, find } = world();
    const before = find('a');
    rows.set('a', 'revoked');
    const after = find('a');
    asked[0]?.answer();
    await settled();
    asked[1]?.answer();
    assert.deepEqual(await Promise.all([before, after]), ['A', 'revoked']);
  });

  it('fail together, and the next do not', async () => {
    const { asked, find } = world();
    const down = new DependencyUnavailable('store', undefined);
    const first = find('a');
    const rest = ['a', 'b'].map(find);
    asked[0]?.answer();
    await first;
    await settled();
    asked[1]?.fail(down);
    for (const one of rest) await assert.rejects(one, down);
    const later = find('b');
    asked[2]?.answer();
    assert.equal(await later, 'B');
  });

  it('do not fail for a key of another that the server cannot take', async () => {
    const { asked, find, keys } = world();
    const first = find('a');
    const rest = ['a', '\0', 'b'].map(find);
    asked[0]?.answer();
    await first;
    await settled();
    const error = refusal();
    asked[1]?.fail(error);
    await settled();
    assert.deepEqual(keys().slice(2), [['a'], ['\0'], ['b']]);
    asked[2]?.answer();
    asked[3]?.fail(error);
    asked[4]?.answer();
    assert.deepEqual(await Promise.allSettled(rest), [
      { status: 'fulfilled', value: 'A' },
      { status: 'rejected', reason: error },
      { status: 'fulfilled', value: 'B' },
    ]);
  });

  it('do not wait long for one that has no answer', async (t) => {
    const timers = still(t);
    const { asked, find, keys } = world();
    const hanging = find('a');
    const waiting = find('b');
    timers.tick(199);
    assert.deepEqual(keys(), [['a']]);
    timers.tick(1);
    assert.deepEqual(keys(), [['a'], ['b']]);
    asked[1]?.answer();
    assert.equal(await waiting, 'B');
    // The late one lets nobody begin beside the one that is waited for then.
    const third = find('a');
    const fourth = find('b');
    asked[0]?.answer();
    assert.equal(await hanging, 'A');
    await settled();
    assert.equal(asked.length, 3);
    asked[2]?.answer();
    assert.equal(await third, 'A');
    await settled();
    asked[3]?.answer();
    assert.equal(await fourth, 'B');
  });

  it('leave no timer behind', async (t) => {
    const clear = t.mock.method(globalThis, 'clearTimeout');
    const { asked, find } = world();
    const a = find('a');
    asked[0]?.answer();
    await a;
    await settled();
    assert.equal(clear.mock.callCount(), 1);
  });
});
