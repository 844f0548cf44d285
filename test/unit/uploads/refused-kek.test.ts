import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeyRefused } from '../../../src/custody/errors.ts';
import { closedWrapper } from '../../../src/custody/closed.ts';
import { severalWrappers } from '../../../src/custody/wrappers.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { kekStatus } from '../../../src/uploads/kek-status.ts';
import { fakeTarget, FakeObjectStore } from '../../support/fake-s3.ts';
import { makeHarness } from '../../support/harness.ts';
import { keeper, rewrapWorld } from './rewrap-world.ts';

describe('a KEK that refuses to wrap', () => {
  it('makes no slot, and tells the caller that an operator must act', async () => {
    const keks = keeper('kms');
    await using h = await makeHarness({ target: fakeTarget(new FakeObjectStore()), keks });
    const token = await h.token();
    keks.failure = new KeyRefused('KMS says no to arn:aws:kms:…', { refusal: 'access_denied' });
    const body = { contentType: 'text/plain', size: 1 };
    const answer = await h.call('POST', '/v1/uploads', { token, body });
    assert.deepEqual([answer.status, answer.body.code], [500, 'key_unusable']);
    assert.ok(!answer.text.includes('arn:'));
    assert.match(h.logged(), /key_refused/);
    keks.failure = new DependencyUnavailable('custody', undefined);
    const later = await h.call('POST', '/v1/uploads', { token, body });
    assert.deepEqual(
      [later.status, later.body.dependency, later.headers['retry-after']],
      [503, 'custody', '5'],
    );
    assert.deepEqual(await h.store.uploads.list('acme', { limit: 10, now: 0 }), []);
  });
});

describe('kek status', () => {
  it('tells a KEK that its wrapper had before, and still opens, from one that is gone', async () => {
    await using world = await rewrapWorld();
    const [upload] = await world.upload(1);
    assert.ok(upload);
    const now = { ...world.old, keks: async () => [] };
    const services = { ...world.harness.services, keks: now };
    const stateOf = async () => (await kekStatus(services)).map(({ kekId, state }) => [kekId, state]);
    assert.deepEqual(await stateOf(), [['old-kek', 'usable']]);
    world.old.failure = new KeyRefused('no', { refusal: 'access_denied' });
    assert.deepEqual(await stateOf(), [['old-kek', 'not_held']]);
    world.old.failure = new DependencyUnavailable('custody', undefined);
    assert.deepEqual(await stateOf(), [['old-kek', 'unknown']]);
  });

  it('asks a KEK that its keeper says nothing of to open a key', async () => {
    await using world = await rewrapWorld();
    await world.upload(1);
    const silent = { wrapperId: 'old', kekId: 'old-kek', state: 'unknown', detail: 'hidden' } as const;
    const services = {
      ...world.harness.services,
      keks: { ...world.old, keks: async () => [silent] },
    };
    const told = async () => (await kekStatus(services)).map(({ state, detail }) => [state, detail]);
    assert.deepEqual(await told(), [['usable', undefined]]);
    world.old.failure = new DependencyUnavailable('custody', undefined);
    assert.deepEqual(await told(), [['unknown', 'hidden']]);
  });

  it('tells of a wrapper that was refused, and of what needs it, beside the others', async () => {
    await using world = await rewrapWorld();
    await world.upload(2);
    const closed = closedWrapper('old', new KeyRefused('The policy says no.'));
    const all = new Map([
      ['old', closed],
      ['new', world.fresh],
    ]);
    const services = { ...world.harness.services, keks: severalWrappers(closed, all) };
    const told = await kekStatus(services, new Map([['old', 'The policy says no.']]));
    assert.deepEqual(
      told.map(({ wrapperId, kekId, state, isCurrent, objectKeys }) => [
        ...[wrapperId, kekId, state, isCurrent, objectKeys],
      ]),
      [
        ['old', '?', 'refused', true, 0],
        ['new', 'new-kek', 'usable', false, 0],
        ['old', 'old-kek', 'refused', false, 2],
      ],
    );
  });
});
