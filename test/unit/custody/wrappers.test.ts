import assert from 'node:assert/strict';
import { createSecretKey, randomBytes } from 'node:crypto';
import { chmod, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { localWrapper } from '../../../src/custody/adapters/local.ts';
import { counted, type CountKekCall } from '../../../src/custody/counted.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { KeyNotMine, KeyRefused } from '../../../src/custody/errors.ts';
import type { KeyPlace, KeyWrapper } from '../../../src/custody/port.ts';
import { createKekFile, readKekFile } from '../../../src/custody/kek-file.ts';
import { proveRoundTrip, unboundFields } from '../../../src/custody/proof.ts';
import { rememberedProof } from '../../../src/custody/readiness.ts';
import { severalWrappers } from '../../../src/custody/wrappers.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { Folder } from '../config/folder.ts';

const place: KeyPlace = {
  purpose: 'object',
  tenant: 'acme',
  bucket: 'uploads',
  objectKey: 'in/1',
  slot: 'slot-1',
  generation: 1,
};

function local(id: string): KeyWrapper {
  return localWrapper({
    id,
    ring: { current: 'kek', keks: new Map([['kek', createSecretKey(randomBytes(32))]]) },
  });
}

const [old, fresh] = [local('old'), local('new')];
const both = new Map([
  ['old', old],
  ['new', fresh],
]);

describe('several wrappers', () => {
  it('wrap by the current one, and open what any of them wrapped', async () => {
    const key = CustomerKey.generate();
    const before = await severalWrappers(old, both).wrap(key, place);
    const after = severalWrappers(fresh, both);
    assert.equal(before.wrapperId, 'old');
    assert.equal((await after.wrap(key, place)).wrapperId, 'new');
    assert.ok((await after.unwrap(before, place)).equals(key));
    await assert.rejects(after.unwrap({ ...before, wrapperId: 'new' }, place), KeyRefused);
  });

  it('move a key from one to another', async () => {
    const key = CustomerKey.generate();
    const before = await old.wrap(key, place);
    const wrapper = severalWrappers(fresh, both);
    assert.equal(await wrapper.isCurrent(before), false);
    const moved = await wrapper.rewrap(before, place);
    assert.equal(await wrapper.isCurrent(moved), true);
    assert.ok((await fresh.unwrap(moved, place)).equals(key));
    await assert.rejects(wrapper.rewrap(before, { ...place, slot: 'slot-2' }), KeyRefused);
  });

  it('say "not mine" to what none of them wrapped', async () => {
    const wrapped = await old.wrap(CustomerKey.generate(), place);
    const wrapper = severalWrappers(fresh, new Map([['new', fresh]]));
    await assert.rejects(wrapper.unwrap(wrapped, place), KeyNotMine);
    await assert.rejects(wrapper.rewrap(wrapped, place), KeyNotMine);
  });

  it('count what is of a wrapper that is not configured, without its name', async () => {
    const wrapped = await old.wrap(CustomerKey.generate(), place);
    const told: string[] = [];
    const count: CountKekCall = (...call) => void told.push(call.join(' '));
    const wrapper = severalWrappers(fresh, new Map([['new', fresh]]), count);
    await assert.rejects(wrapper.unwrap(wrapped, place), KeyNotMine);
    await assert.rejects(wrapper.rewrap(wrapped, place), KeyNotMine);
    assert.deepEqual(told, ['unconfigured unwrap not_mine', 'unconfigured rewrap not_mine']);
  });

  it('tell all KEKs, the current one’s first', async () => {
    const keks = await severalWrappers(fresh, both).keks();
    assert.deepEqual(
      keks.map(({ wrapperId }) => wrapperId),
      ['new', 'old'],
    );
  });
});

describe('a local wrapper whose file changes', () => {
  it('takes a rotation up within seconds, opens at once what is under a new KEK, and outlives a file that is gone', async () => {
    const keks = new Map([['kek-1', createSecretKey(randomBytes(32))]]);
    const clock = { now: 0 };
    let file = { current: 'kek-1', keks };
    let isGone = false;
    const reread = async () => {
      if (isGone) throw new Error('gone');
      return file;
    };
    const service = localWrapper({ id: 'local', ring: file, reread, now: () => clock.now });
    file = { current: 'kek-2', keks: new Map(keks).set('kek-2', createSecretKey(randomBytes(32))) };

    const command = localWrapper({ id: 'local', ring: file });
    const key = CustomerKey.generate();
    assert.equal((await service.wrap(key, place)).kekId, 'kek-1');
    const underNew = await command.wrap(key, place);
    assert.ok((await service.unwrap(underNew, place)).equals(key));
    assert.equal((await service.wrap(key, place)).kekId, 'kek-2');

    isGone = true;
    clock.now = 5_000;
    assert.equal((await service.wrap(key, place)).kekId, 'kek-2');
    isGone = false;
    file = { current: 'kek-1', keks: file.keks };
    clock.now = 9_999;
    assert.equal((await service.wrap(key, place)).kekId, 'kek-2');
    clock.now = 10_000;
    assert.equal((await service.wrap(key, place)).kekId, 'kek-1');
  });
});

describe('a local wrapper whose file cannot be read', () => {
  it('goes on with what it holds, but tells, and warns once', async (test) => {
    await using folder = await Folder.make();
    const path = join(folder.root, 'kek.json');
    await createKekFile(path);
    const heard: string[] = [];
    const hear = ({ message }: Error) => void heard.push(message);
    process.on('warning', hear);
    test.after(() => process.off('warning', hear));
    const clock = { now: 0 };
    const reread = () => readKekFile(path);
    const wrapper = localWrapper({
      id: 'local',
      ring: await reread(),
      reread,
      now: () => clock.now,
    });
    const wrapped = await wrapper.wrap(CustomerKey.generate(), place);
    const asked = async () => {
      clock.now += 5_000;
      const [{ state, detail } = {}] = await wrapper.keks();
      // A warning is told of at the end of the turn.
      await new Promise((resolve) => setImmediate(resolve));
      return { state, detail };
    };

    await rename(path, `${path}.away`);
    const gone = { state: 'unknown', detail: 'the KEK file cannot be read: ENOENT' };
    assert.deepEqual(await asked(), gone);
    assert.deepEqual(await asked(), gone);
    assert.deepEqual(heard, [`custody.wrappers.local: ${gone.detail}`]);
    await wrapper.unwrap(wrapped, place);
    await wrapper.wrap(CustomerKey.generate(), place);

    await rename(`${path}.away`, path);
    assert.deepEqual(await asked(), { state: 'usable', detail: undefined });
    await chmod(path, 0o644);
    const { state, detail } = await asked();
    assert.equal(state, 'unknown');
    assert.match(detail ?? '', /^the KEK file cannot be read: .*chmod 600/);
    assert.equal(heard.length, 2);
  });
});

describe('a counted wrapper', () => {
  it('does not tell of proofs, some of which are meant to be refused', async () => {
    const told: string[] = [];
    const wrapper = counted(old, (...call) => void told.push(call.join(' ')));
    await proveRoundTrip(wrapper);
    assert.deepEqual(await unboundFields(wrapper), []);
    assert.deepEqual(told, []);
  });

  it('tells every call and what became of it', async () => {
    const told: string[] = [];
    const failing: KeyWrapper = {
      ...old,
      rewrap: async () => {
        throw new DependencyUnavailable('custody', undefined);
      },
    };
    const wrapper = counted(failing, (...call) => told.push(call.join(' ')));
    const wrapped = await wrapper.wrap(CustomerKey.generate(), place);
    await wrapper.unwrap(wrapped, place);
    await assert.rejects(wrapper.unwrap(wrapped, { ...place, slot: 'x' }));
    await assert.rejects(wrapper.unwrap({ ...wrapped, wrapperId: 'x' }, place));
    await assert.rejects(wrapper.rewrap(wrapped, place));
    assert.deepEqual(told, [
      'old wrap ok',
      'old unwrap ok',
      'old unwrap refused',
      'old unwrap not_mine',
      'old rewrap unavailable',
    ]);
  });
});

describe('a remembered proof', () => {
  it('asks the KEK once in its time, and again at once while it fails', async () => {
    const clock = { now: 0 };
    let calls = 0;
    let failure: Error | undefined;
    const keks: KeyWrapper = {
      ...old,
      wrap: async (key, at) => {
        calls += 1;
        if (failure) throw failure;
        return old.wrap(key, at);
      },
    };
    const prove = rememberedProof(keks, 10, () => clock.now);
    await prove();
    await prove();
    assert.equal(calls, 1);
    failure = new DependencyUnavailable('custody', undefined);
    clock.now = 9_999;
    await prove();
    clock.now = 10_000;
    await assert.rejects(prove(), DependencyUnavailable);
    await assert.rejects(prove(), DependencyUnavailable);
    failure = undefined;
    await prove();
    assert.equal(calls, 4);
  });
});
