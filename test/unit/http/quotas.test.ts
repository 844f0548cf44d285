import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { TenantLimits } from '../../../src/config/config.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, TENANT, type Harness, type Json } from '../../support/harness.ts';
import { slotsIn } from './asking.ts';

const DAY_MS = 86_400_000;
const SLOT = { contentType: 'text/plain', size: 5 };

describe('quotas of a tenant', () => {
  let h: Harness;
  let ci: string;
  const limited = async (limits: TenantLimits, more: object = {}) => {
    h = await makeHarness({
      target: fakeTarget(new FakeObjectStore()),
      tenants: { acme: { ...TENANT, limits, ...more }, globex: TENANT },
    });
    ci = await h.token('acme');
  };
  afterEach(() => h[Symbol.asyncDispose]());

  const create = (token: string, body: object = SLOT, key?: string) =>
    h.call('POST', '/v1/uploads', {
      token,
      body,
      ...(key !== undefined && { headers: { 'idempotency-key': key } }),
    });
  const batch = (token: string, uploads: readonly object[]) =>
    h.call('POST', '/v1/uploads/batch', { token, body: { uploads } });
  const made = async (token: string, body: object = SLOT): Promise<Json> => {
    const answer = await create(token, body);
    assert.equal(answer.status, 201, answer.text);
    return answer.body;
  };
  const members = ({ quota, per, limit, used, remaining }: Json) => ({ quota, per, limit, used, remaining });
  const refused = (answer: Awaited<ReturnType<typeof create>>): Json => {
    assert.deepEqual([answer.status, answer.body.code], [429, 'quota_exceeded'], answer.text);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    return answer.body;
  };

  describe('on open slots', () => {
    beforeEach(() => limited({ tenant: { openSlots: 5 }, principal: { openSlots: 3 } }));

    it('are exact, of 40 at once', async () => {
      const answers = await Promise.all(Array.from({ length: 40 }, () => create(ci)));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [
        ...Array<number>(3).fill(201),
        ...Array<number>(37).fill(429),
      ]);
      assert.equal(await slotsIn(h), 3);
    });

    it('say which, how it stands and when to come back', async () => {
      for (let n = 0; n < 3; n += 1) await made(ci);
      const answer = await create(ci);
      assert.deepEqual(members(refused(answer)), {
        quota: 'openSlots',
        per: 'principal',
        limit: 3,
        used: 3,
        remaining: 0,
      });
      assert.equal(answer.headers['retry-after'], '60');
      h.clock.now += 3_590_000;
      assert.equal((await create(ci)).headers['retry-after'], '10');
      h.clock.now += 10_000;
      await made(ci);
    });

    it('are of the tenant too, and of no other tenant', async () => {
      const other = await h.token('acme', undefined, 'other');
      for (let n = 0; n < 3; n += 1) await made(ci);
      for (let n = 0; n < 2; n += 1) await made(other);
      assert.equal(refused(await create(other)).per, 'tenant');
      await made(await h.token('globex'));
    });

    it('let go of a slot that is deleted', async () => {
      const slots = [await made(ci), await made(ci), await made(ci)];
      refused(await create(ci));
      assert.equal((await h.call('DELETE', `/v1/uploads/${slots[0]?.id}`, { token: ci })).status, 202);
      await made(ci);
    });

    it('take a batch whole or not at all', async () => {
      await made(ci);
      refused(await batch(ci, [SLOT, SLOT, SLOT]));
      assert.equal(await slotsIn(h), 1);
      assert.equal((await batch(ci, [SLOT, SLOT])).status, 201);
      assert.equal(await slotsIn(h), 3);
    });

    it('refuse for good a batch that never fits', async () => {
      const answer = await batch(ci, Array<object>(4).fill(SLOT));
      assert.deepEqual([answer.status, answer.body.code], [422, 'policy_refused'], answer.text);
      assert.match(answer.body.errors[0].message as string, /at most 3 uploads/);
      assert.equal(answer.body.errors[0].path, '/uploads');
      assert.equal(answer.headers['retry-after'], undefined);
    });

    it('replay what was made, though no more fits', async () => {
      const { id } = (await create(ci, SLOT, 'once')).body;
      await made(ci);
      await made(ci);
      const again = await create(ci, SLOT, 'once');
      assert.deepEqual([again.status, again.body.id], [201, id]);
      refused(await create(ci, SLOT, 'twice'));
      h.clock.now += 3_600_000;
      assert.equal((await create(ci, SLOT, 'twice')).status, 201);
    });

    it('count the slots of a grant for who minted it, who tells nobody how many he has', async () => {
      const mint = async (): Promise<string> =>
        (await h.call('POST', '/v1/grants', { token: ci, body: { count: 10 } })).body.token;
      const browsers = [await mint(), await mint(), await mint(), await mint()];
      for (const browser of browsers.slice(0, 3)) await made(browser);
      const problem = refused(await create(browsers[3] ?? ''));
      assert.equal(problem.per, 'principal');
      for (const figure of ['limit', 'used', 'remaining']) assert.ok(!(figure in problem), figure);
      assert.doesNotMatch(problem.detail as string, /\d/);
      assert.equal(refused(await create(ci)).used, 3);
      await made(await h.token('acme', undefined, 'other'));
    });
  });

  describe('on bytes announced in a day', () => {
    beforeEach(() => limited({ principal: { bytesPerDay: 12 } }));
    const toMidnight = () => DAY_MS - (h.clock.now % DAY_MS);

    it('are exact, and say when the day ends', async () => {
      h.clock.now += toMidnight() + DAY_MS / 2;
      const answers = await Promise.all(Array.from({ length: 20 }, () => create(ci)));
      assert.equal(answers.filter(({ status }) => status === 201).length, 2);
      const answer = await create(ci);
      assert.deepEqual(members(refused(answer)), {
        quota: 'bytesPerDay',
        per: 'principal',
        limit: 12,
        used: 10,
        remaining: 2,
      });
      assert.equal(answer.headers['retry-after'], String(DAY_MS / 2000));
      await made(ci, { ...SLOT, size: 2 });
    });

    it('are not given back by a DELETE, and begin anew at midnight UTC', async () => {
      h.clock.now += toMidnight() + DAY_MS - 1;
      const { id } = await made(ci, { ...SLOT, size: 12 });
      assert.equal((await h.call('DELETE', `/v1/uploads/${id}`, { token: ci })).status, 202);
      assert.equal((await create(ci)).headers['retry-after'], '1');
      h.clock.now += 1;
      await made(ci, { ...SLOT, size: 12 });
      refused(await create(ci));
    });

    it('are those of a principal alone', async () => {
      await made(ci, { ...SLOT, size: 12 });
      refused(await create(ci));
      await made(await h.token('acme', undefined, 'other'), { ...SLOT, size: 12 });
    });

    it('refuse for good a file that never fits', async () => {
      const answer = await create(ci, { ...SLOT, size: 13 });
      assert.deepEqual([answer.status, answer.body.code], [422, 'policy_refused']);
      assert.deepEqual(answer.body.errors, [
        { path: '/size', message: 'must be at most 12 bytes in all, which is the limit of a day' },
      ]);
    });

    it('leave the store after the next day, by the job', async () => {
      await made(ci, { ...SLOT, size: 12 });
      h.clock.now += 3 * DAY_MS;
      await h.jobs.runOnce();
      assert.equal(await h.store.uploads.dropEndedDays(h.clock.now, 10), 0);
    });
  });

  it('ask nothing of who has none', async () => {
    await limited({});
    await Promise.all(Array.from({ length: 20 }, () => made(ci)));
    assert.equal(await slotsIn(h), 20);
  });
});
