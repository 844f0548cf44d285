import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { idOf } from '../../contract/store-rows.ts';
import { answering, hanging } from '../../support/receiver.ts';
import { dueMessage, makeWorld } from './deliveries-world.ts';

const DAY = 86_400_000;
const idsOf = (received: readonly { headers: Record<string, unknown> }[]) =>
  received.map(({ headers }) => headers['webhook-id']);

describe('deliveries', () => {
  it('sends what waits, word for word, so that a stock library takes it, and notes it', async () => {
    await using world = await makeWorld();
    const message = dueMessage(world, 1);
    await world.put(1, message);
    world.deliveries.wake();
    await world.noted(1);
    const [received] = world.receiver.received;
    assert.ok(received);
    assert.equal(received.body, message.payload);
    assert.deepEqual(world.verify(received), JSON.parse(message.payload));
    assert.equal(received.headers['webhook-id'], message.id);
    const { state, endedAt, attempts } = (await world.message(message.id)) ?? {};
    assert.deepEqual(
      { state, endedAt, attempts },
      { state: 'delivered', endedAt: world.h.clock.now, attempts: 1 },
    );
  });

  it('tries again after each wait, under the same id and a new signature, until it is taken', async () => {
    await using world = await makeWorld();
    const { receiver, h } = world;
    const message = dueMessage(world, 1);
    receiver.behave = answering(500);
    await world.put(1, message);
    world.deliveries.wake();
    await world.noted(1);
    for (const [index, wait] of [5000, 300_000, 1_800_000].entries()) {
      const { state, nextAttemptAt, lastFailure } = (await world.message(message.id)) ?? {};
      const expected = { state: 'pending', nextAttemptAt: h.clock.now + wait, lastFailure: 'answered 500' };
      assert.deepEqual({ state, nextAttemptAt, lastFailure }, expected);
      world.pass(wait - 1);
      if (index === 2) receiver.behave = answering(200);
      world.pass(1);
      await world.noted(index + 2);
      const received = receiver.received.at(-1);
      assert.ok(received);
      assert.equal(received.headers['webhook-timestamp'], String(Math.floor(h.clock.now / 1000)));
      world.verify(received);
    }
    assert.deepEqual(idsOf(receiver.received), Array<string>(4).fill(message.id));
    assert.equal((await world.message(message.id))?.state, 'delivered');
  });

  it('gives up after ten attempts, and begins anew when it is replayed', async () => {
    await using world = await makeWorld();
    const { receiver, h } = world;
    receiver.behave = answering(302, { location: `https://localhost:${receiver.port}/elsewhere` });
    const message = dueMessage(world, 1);
    await world.put(1, message);
    for (let attempts = 1; attempts <= 10; attempts++) {
      world.pass(DAY);
      await world.noted(attempts);
    }
    const dead = await world.message(message.id);
    assert.deepEqual([dead?.state, dead?.lastFailure, dead?.attempts], ['dead', 'answered 302', 10]);
    world.pass(7 * DAY);
    receiver.behave = answering(204);
    assert.equal((await h.store.outbox.replay({ dead: true }, h.clock.now)).again.length, 1);
    world.deliveries.wake();
    await world.noted(11);
    assert.equal((await world.message(message.id))?.state, 'delivered');
    // Nobody went where the redirects pointed to.
    assert.deepEqual(new Set(receiver.received.map(({ path }) => path)), new Set(['/crm']));
    assert.equal(receiver.received.length, 11);
  });

  it('keeps the order of a slot: the second waits until the first is delivered', async () => {
    await using world = await makeWorld();
    const { receiver } = world;
    receiver.behave = answering(503);
    const [first, second, ofAnother] = [
      dueMessage(world, 1),
      dueMessage(world, 2, { type: 'upload.deleted' }),
      dueMessage(world, 3, { uploadId: idOf(2) }),
    ];
    await world.put(1, first, second);
    await world.put(2, ofAnother);
    world.deliveries.wake();
    await world.noted(2);
    assert.deepEqual(new Set(idsOf(receiver.received)), new Set([first.id, ofAnother.id]));
    receiver.behave = answering(204);
    world.pass(5000);
    await world.noted(5);
    const ids = idsOf(receiver.received).slice(2);
    assert.ok(ids.indexOf(first.id) < ids.indexOf(second.id));
    assert.equal(ids.length, 3);
  });

  it('one receiver that hangs does not keep another from being told', async () => {
    await using world = await makeWorld({ timeoutMs: 2_500 });
    const { receiver } = world;
    receiver.behave = (received, response, request) =>
      (received.path === '/crm' ? hanging : answering(204))(received, response, request);
    const toCrm = [1, 2, 3].map((n) => dueMessage(world, n, { uploadId: idOf(n) }));
    const toErp = dueMessage(world, 4, { webhook: 'erp' });
    await world.put(1, ...toCrm, toErp);
    world.deliveries.wake();
    await world.noted(4);
    assert.equal(world.attempts[0]?.[0], 'erp');
    for (const { id } of toCrm) assert.equal((await world.message(id))?.lastFailure, 'no answer in 2.5 s');
  });

  it('a receiver that hangs, with more waiting than attempts there may be at once, holds up no other', async () => {
    await using world = await makeWorld();
    const { receiver } = world;
    receiver.behave = (received, response, request) =>
      (received.path === '/crm' ? hanging : answering(204))(received, response, request);
    for (let n = 1; n <= 50; n++) await world.put(n, dueMessage(world, n, { uploadId: idOf(n) }));
    await world.put(51, dueMessage(world, 51, { uploadId: idOf(51), webhook: 'erp' }));
    world.deliveries.wake();
    await world.noted(1);
    assert.equal(world.attempts[0]?.[0], 'erp');
    assert.ok(receiver.received.length <= 8, String(receiver.received.length));
  });

  it('is dead at once when the receiver is gone, or the webhook is', async () => {
    await using world = await makeWorld();
    world.receiver.behave = answering(410);
    const gone = dueMessage(world, 1);
    const unknown = ['renamed', 'constructor'].map((webhook, n) => dueMessage(world, n + 2, { webhook }));
    const foreign = dueMessage(world, 4, { tenant: 'globex' });
    await world.put(1, gone, ...unknown, foreign);
    world.deliveries.wake();
    await world.noted(4);
    const states = await world.h.store.outbox.list({ state: 'dead', limit: 10 });
    assert.deepEqual(
      states.map(({ lastFailure }) => lastFailure),
      [...Array<string>(3).fill('the webhook is not in the configuration'), 'answered 410'],
    );
    assert.equal(world.receiver.received.length, 1);
  });

  it('connects to no address that is not public, unless it is allowed', async () => {
    await using world = await makeWorld();
    const message = dueMessage(world, 1, { webhook: 'shut' });
    await world.put(1, message);
    world.deliveries.wake();
    await world.noted(1);
    assert.match((await world.message(message.id))?.lastFailure ?? '', /^address not public/);
    assert.equal(world.receiver.connections(), 0);
  });

  it('sends again what was in hand when the process died', async () => {
    await using world = await makeWorld();
    const { h } = world;
    const message = dueMessage(world, 1);
    await world.put(1, message);
    const [claimed] = await h.store.outbox.claim(h.clock.now, h.clock.now + 45_000, 1);
    assert.equal(claimed?.id, message.id);
    world.pass(45_000);
    await world.noted(1);
    assert.equal((await world.message(message.id))?.attempts, 2);
    assert.equal(world.receiver.received.length, 1);
  });

  it('looks by itself each interval, for what another process replayed', async () => {
    await using world = await makeWorld({ intervalSeconds: 1 });
    world.deliveries.wake();
    await world.looked(1);
    await world.put(1, dueMessage(world, 1));
    await world.noted(1);
  });

  it('looks by itself when the time of a message has come', async () => {
    await using world = await makeWorld();
    const soon = dueMessage(world, 1, { createdAt: world.h.clock.now + 1000 });
    await world.put(1, soon);
    world.deliveries.wake();
    await world.looked(1);
    world.h.clock.now += 1000;
    await world.noted(1);
    assert.equal((await world.message(soon.id))?.state, 'delivered');
  });

  it('goes on when the store does again', async () => {
    await using world = await makeWorld({ intervalSeconds: 1 });
    await world.put(1, dueMessage(world, 1));
    world.failClaims = 1;
    world.deliveries.wake();
    await world.noted(1);
    assert.equal(world.errors.length, 1);
  });

  it('ends after what is in hand, and begins nothing more', async () => {
    await using world = await makeWorld();
    const { receiver, deliveries } = world;
    let answer: (() => void) | undefined;
    receiver.behave = (_received, response) => {
      answer = () => response.writeHead(204).end();
    };
    const [first, second] = [dueMessage(world, 1), dueMessage(world, 2)];
    await world.put(1, first, second);
    deliveries.wake();
    await receiver.got(1);
    const stopping = deliveries.stop();
    answer?.();
    await stopping;
    deliveries.wake();
    assert.equal((await world.message(first.id))?.state, 'delivered');
    assert.equal((await world.message(second.id))?.state, 'pending');
    assert.equal(receiver.received.length, 1);
  });

  it('does not wait for a receiver that hangs: its message is due again at once', async () => {
    await using world = await makeWorld({ stopMs: 1 });
    world.receiver.behave = hanging;
    const message = dueMessage(world, 1);
    await world.put(1, message);
    world.deliveries.wake();
    await world.receiver.got(1);
    await world.deliveries.stop();
    const given = await world.message(message.id);
    assert.deepEqual(
      [given?.state, given?.nextAttemptAt, given?.lastFailure],
      ['pending', world.h.clock.now, 'the service ended before an answer came'],
    );
  });

  it('forgets after a week what was delivered, and only that', async () => {
    await using world = await makeWorld();
    const { receiver, h } = world;
    receiver.behave = (received, response, request) =>
      answering(received.path === '/crm' ? 204 : 410)(received, response, request);
    const [delivered, dead] = [dueMessage(world, 1), dueMessage(world, 2, { webhook: 'erp' })];
    await world.put(1, delivered, dead);
    world.deliveries.wake();
    await world.noted(2);
    for (const [index, wait] of [7 * DAY, 3_600_000].entries()) {
      if (index === 1) assert.ok(await world.message(delivered.id));
      h.clock.now += wait;
      await world.put(index + 2, dueMessage(world, index + 3, { uploadId: idOf(index + 2) }));
      world.deliveries.wake();
      await world.noted(index + 3);
    }
    assert.equal(await world.message(delivered.id), undefined);
    assert.equal((await world.message(dead.id))?.state, 'dead');
  });
});
