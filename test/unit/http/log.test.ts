import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { actAs } from '../../../src/acting.ts';
import { SCOPES } from '../../../src/access/principal.ts';
import { slotFields } from '../../../src/http/log.ts';
import type { Json } from '../../support/harness.ts';
import { lifeWorld, type LifeWorld } from '../uploads/life-world.ts';

const PLAIN = { contentType: 'text/plain', size: 5 };
const SECRET_LIKE = 'c2VjcmV0LWN1c3RvbWVyLWtleS1vZi0zMi1ieXRlcyE';

/** `slots`: the lines of the log about steps of slots, as `serve` writes them. */
async function loggedWorld(policy = {}): Promise<LifeWorld & { slots: Json[]; requests(): Json[] }> {
  const w = await lifeWorld(policy);
  const slots: Json[] = [];
  const { observer } = w.h.services;
  const count = observer.slot.bind(observer);
  observer.slot = (outcome, upload) => {
    count(outcome, upload);
    slots.push(JSON.parse(JSON.stringify(slotFields(outcome, upload))));
  };
  const requests = () =>
    w.h
      .logged()
      .trim()
      .split('\n')
      .map((line): Json => JSON.parse(line))
      .filter(({ msg }) => msg === 'request');
  return { ...w, slots, requests };
}

describe('the log', () => {
  it('says of a slot’s step who acted and by which request, beside who made the slot', async () => {
    await using w = await loggedWorld();
    const slot = await w.issue(PLAIN);
    const other = await w.h.token('acme', SCOPES, 'other');
    const answer = await w.h.call('DELETE', `/v1/uploads/${slot.id}`, { token: other });
    assert.equal(answer.status, 202);
    const [issued, deleting] = w.slots;
    assert.deepEqual([issued.outcome, issued.actor, issued.maker], ['issued', 'key:test', 'key:test']);
    assert.deepEqual(deleting, {
      outcome: 'deleting',
      actor: 'key:other',
      requestId: answer.headers['x-request-id'],
      uploadId: slot.id,
      tenant: 'acme',
      maker: 'key:test',
      bucket: slot.bucket,
    });
  });

  it('calls the background job and hints of S3 by their names, whoever’s request began them', async () => {
    await using w = await loggedWorld();
    const [expiring, hinted] = [await w.issue(PLAIN), await w.issue(PLAIN)];
    await w.arrive(hinted);
    w.slots.length = 0;
    const stored = await w.stored(hinted);
    actAs({ actor: 'key:s3', requestId: 'of the event' }, () => w.h.jobs.lookAt(stored));
    while (w.slots.length < 1) await setImmediate();
    w.h.clock.now = Date.parse(expiring.expiresAt) + 1;
    await w.h.jobs.runOnce();
    assert.deepEqual(
      w.slots.map(({ outcome, actor, requestId }) => [outcome, actor, requestId]),
      [
        ['uploaded', 'event', undefined],
        ['expired', 'job', undefined],
      ],
    );
  });

  it('says in which fields a rejected object differs, and that the policy removed it; no value', async () => {
    await using w = await loggedWorld({ rejected: 'remove' });
    const slot = await w.issue({ ...PLAIN, metadata: { invoice: '7' } });
    await w.arrive(slot, { size: 6_543_210, metadata: { invoice: 'sent-value', [SECRET_LIKE]: 'x' } });
    assert.equal((await w.complete(slot)).status, 422);
    await w.h.jobs.runOnce();
    const [, rejected, discarded] = w.slots;
    assert.deepEqual(rejected.mismatches, ['size', 'metadata/invoice', 'metadata/…']);
    assert.deepEqual(
      [discarded.outcome, discarded.actor, 'mismatches' in discarded],
      ['discarded', 'job', false],
    );
    assert.doesNotMatch(JSON.stringify(w.slots), new RegExp(`6543210|sent-value|${SECRET_LIKE}`));
  });

  it('names the slot of a request that failed, and of a link, but nothing that is no slot’s id', async () => {
    await using w = await loggedWorld();
    const slot = await w.issue(PLAIN);
    const { token } = w;
    await w.h.call('GET', `/v1/uploads/${slot.id}/content`, { token });
    await w.h.call('GET', `/v1/uploads/${slot.id}`);
    await w.h.call('GET', '/v1/uploads/01900000-0000-7000-8000-000000000000', { token });
    await w.h.call('GET', `/v1/uploads/${SECRET_LIKE}`, { token });
    await w.h.call('GET', `/v1/uploads/${slot.id}${SECRET_LIKE}`, { token });
    await w.h.call('POST', '/v1/events/s3', { token: await w.h.token('acme', ['events:write']), body: {} });
    await w.arrive(slot);
    await w.complete(slot);
    const link = await w.h.call('POST', `/v1/uploads/${slot.id}/links`, { token, body: {} });
    await w.h.call('HEAD', link.body.url);
    const lines = w.requests().slice(1);
    assert.deepEqual(
      lines.map(({ status, uploadId }) => [status, uploadId]),
      [
        [409, slot.id],
        [401, slot.id],
        [404, '01900000-0000-7000-8000-000000000000'],
        [400, undefined],
        [400, undefined],
        [202, undefined],
        [200, slot.id],
        [201, slot.id],
        [lines.at(-1)?.status, slot.id],
      ],
    );
    assert.equal(lines[5]?.hints, 0);
    assert.deepEqual([lines.at(-1)?.operation, lines.at(-1)?.tenant], ['headLink', 'acme']);
    assert.doesNotMatch(w.h.logged(), new RegExp(SECRET_LIKE));
  });

  it('names a link as who read by it', async () => {
    await using w = await loggedWorld();
    const slot = await w.issue(PLAIN);
    await w.arrive(slot, { bytes: Buffer.from('12345') });
    await w.complete(slot);
    const { body } = await w.h.call('POST', `/v1/uploads/${slot.id}/links`, { token: w.token, body: {} });
    await w.h.call('GET', body.url);
    assert.deepEqual(
      w.slots.slice(-2).map(({ outcome, actor }) => [outcome, actor]),
      [
        ['linked', 'key:test'],
        ['read', 'link'],
      ],
    );
  });
});
