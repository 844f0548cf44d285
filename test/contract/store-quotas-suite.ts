import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { DependencyUnavailable, GrantExhausted, QuotaExceeded } from '../../src/errors.ts';
import type { IdempotencyRecord, NewSlot, Quota, Store } from '../../src/store/port.ts';
import type { Upload } from '../../src/uploads/upload.ts';
import {
  grantOf,
  idempotencyOf,
  idOf,
  insertOne,
  NOW,
  uploadOf,
  wrappedOf,
  type OpenedStore,
} from './store-rows.ts';

const DAY_MS = 86_400_000;
/** The first moment of the day after `NOW`. */
const TOMORROW = (Math.floor(NOW / DAY_MS) + 1) * DAY_MS;
/** When slots end unless a test says otherwise: far enough that only `state` or a bound counts. */
const LATER = NOW + 9 * DAY_MS;

/** Bounds on open slots and announced bytes; a part of the store's contract. */
export function quotasSuite(opened: () => OpenedStore): void {
  let store: Store;
  beforeEach(() => {
    store = opened().store;
  });
  const slotsOf = (first: number, many: number, changes: Partial<Upload>): NewSlot[] =>
    Array.from({ length: many }, (_, n) => ({
      upload: uploadOf(first + n, { size: 1, expiresAt: LATER, ...changes }),
      key: wrappedOf(),
      hasCopy: false,
    }));
  const quotaOf = (changes: Partial<Quota> = {}): Quota => ({
    tenant: 'acme',
    principal: null,
    openSlots: null,
    bytesPerDay: null,
    ...changes,
  });
  const insert = (
    first: number,
    quotas: readonly Quota[],
    {
      many = 1,
      record,
      now = NOW,
      grant,
      ...changes
    }: Partial<Upload> & { many?: number; record?: IdempotencyRecord; now?: number; grant?: object } = {},
  ) =>
    store.uploads.insert(
      slotsOf(first, many, changes),
      record,
      now,
      grant && { ...grantOf(1), ...grant },
      quotas,
    );
  const stored = async () => (await store.uploads.list('acme', { limit: 9999, now: NOW })).length;

  /** The refusal, which must be one by a quota. */
  async function refusal(attempt: Promise<unknown>): Promise<{ wait: number | undefined; extra: object }> {
    let caught: unknown;
    await attempt.catch((error: unknown) => {
      caught = error;
    });
    assert.ok(caught instanceof QuotaExceeded, `refused by its quota, not ${String(caught)}`);
    return { wait: caught.retryAfterSeconds, extra: caught.extra };
  }

  describe('open slots', () => {
    const three = [quotaOf({ openSlots: 3 })];

    it('are as many as the quota, and the refusal says how it stands', async () => {
      await insert(1, three, { many: 2 });
      const { extra } = await refusal(insert(10, three, { many: 2 }));
      assert.deepEqual(extra, { quota: 'openSlots', per: 'tenant', limit: 3, used: 2, remaining: 1 });
      await insert(20, three);
      assert.deepEqual((await refusal(insert(30, three))).extra, {
        quota: 'openSlots',
        per: 'tenant',
        limit: 3,
        used: 3,
        remaining: 0,
      });
      assert.equal(await stored(), 3);
    });

    it('are refused for as long as the first of them lasts, and never for more than a minute', async () => {
      await insert(1, three, { many: 2 });
      await insert(10, three, { expiresAt: NOW + 9_001 });
      assert.equal((await refusal(insert(20, three))).wait, 10);
      const { wait } = await refusal(insert(20, three, { now: NOW + 9_000 }));
      assert.equal(wait, 1);
      await insert(20, three, { now: NOW + 9_001 });
      assert.equal((await refusal(insert(30, three, { now: NOW + 9_001 }))).wait, 60);
    });

    it('count no more once they are deleted, rejected, uploaded or over', async () => {
      await insert(1, three, { many: 3 });
      for (const [n, state] of (['deleting', 'rejected', 'uploaded', 'expired'] as const).entries()) {
        await refusal(insert(100, three));
        assert.ok(await store.uploads.update(idOf(n + 1), ['issued'], { state }));
        await insert(n + 4, three);
      }
      await refusal(insert(100, three));
      const soon = { expiresAt: NOW + 1 };
      await store.uploads.update(idOf(7), ['issued'], { state: 'uploaded' });
      await insert(8, three, soon);
      await refusal(insert(9, three));
      await insert(9, three, { now: NOW + 1 });
    });

    it('of other tenants and of other principals count for themselves', async () => {
      const mine = [quotaOf({ openSlots: 5 }), quotaOf({ principal: 'key:ci', openSlots: 1 })];
      const others = [quotaOf({ openSlots: 5 }), quotaOf({ principal: 'key:other', openSlots: 1 })];
      const foreign = [quotaOf({ tenant: 'other', principal: 'key:ci', openSlots: 1 })];
      await insert(1, mine);
      await insert(2, others, { principal: 'key:other' });
      await insert(3, foreign, { tenant: 'other' });
      const { extra } = await refusal(insert(4, mine));
      assert.deepEqual(extra, { quota: 'openSlots', per: 'principal', limit: 1, used: 1, remaining: 0 });
      await refusal(insert(4, others, { principal: 'key:other' }));
      await refusal(insert(4, foreign, { tenant: 'other' }));
    });

    it('count though they were made without a quota, or under another', async () => {
      await insertOne(store, uploadOf(1, { expiresAt: LATER }));
      await insert(2, [quotaOf({ openSlots: 9 })], { many: 4 });
      const { extra } = await refusal(insert(10, three));
      assert.deepEqual(extra, { quota: 'openSlots', per: 'tenant', limit: 3, used: 3, remaining: 0 });
      await insert(10, [quotaOf({ openSlots: 6 })]);
    });

    it('by a grant count for who minted it, and no longer for the grant’s own name', async () => {
      await store.grants.insert(grantOf(1));
      const maker = [quotaOf({ principal: 'key:backend', openSlots: 3 })];
      await insert(20, maker, { principal: `grant:${idOf(1)}`, grant: {}, many: 2 });
      await insert(30, maker, { principal: 'key:backend' });
      await refusal(insert(40, maker, { principal: `grant:${idOf(1)}`, grant: {} }));
      await refusal(insert(40, maker, { principal: 'key:backend' }));
      assert.equal((await store.grants.get('acme', idOf(1)))?.used, 2);
    });

    it('are exactly as many as fit, of 100 at once', async () => {
      const ten = [quotaOf({ openSlots: 10 })];
      const results = await Promise.allSettled(Array.from({ length: 100 }, (_, n) => insert(n, ten)));
      const refused = results.filter((result) => result.status === 'rejected');
      assert.equal(refused.length, 90);
      assert.ok(refused.every(({ reason }) => reason instanceof QuotaExceeded));
      assert.equal(await stored(), 10);
    });

    it('are exactly as many as fit, of batches of several principals at once', async () => {
      const quotas = (principal: string) => [
        quotaOf({ openSlots: 20 }),
        quotaOf({ principal, openSlots: 9 }),
      ];
      const results = await Promise.allSettled(
        Array.from({ length: 60 }, (_, n) => {
          const principal = `key:${n % 3}`;
          return insert(n * 10, quotas(principal), { principal, many: 2 });
        }),
      );
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 10);
      const slots = await store.uploads.list('acme', { limit: 99, now: NOW });
      for (const principal of ['key:0', 'key:1', 'key:2'])
        assert.ok(slots.filter((slot) => slot.principal === principal).length <= 8);
    });
  });

  describe('bytes announced in a day', () => {
    const hundred = [quotaOf({ bytesPerDay: 100 })];

    it('are as many as the quota to the byte, and the refusal says how it stands', async () => {
      await insert(1, hundred, { size: 60 });
      const { extra, wait } = await refusal(insert(2, hundred, { size: 41 }));
      assert.deepEqual(extra, { quota: 'bytesPerDay', per: 'tenant', limit: 100, used: 60, remaining: 40 });
      assert.equal(wait, Math.ceil((TOMORROW - NOW) / 1000));
      await insert(2, hundred, { size: 40 });
      assert.deepEqual((await refusal(insert(3, hundred))).extra, {
        quota: 'bytesPerDay',
        per: 'tenant',
        limit: 100,
        used: 100,
        remaining: 0,
      });
      assert.equal(await stored(), 2);
    });

    it('begin anew with the day of UTC', async () => {
      await insert(1, hundred, { size: 100, now: TOMORROW - 1 });
      assert.equal((await refusal(insert(2, hundred, { now: TOMORROW - 1 }))).wait, 1);
      await insert(2, hundred, { size: 99, now: TOMORROW });
      await refusal(insert(3, hundred, { size: 2, now: TOMORROW }));
      await insert(3, hundred, { now: TOMORROW });
    });

    it('are not given back when slots end', async () => {
      await insert(1, hundred, { size: 100 });
      assert.ok(await store.uploads.update(idOf(1), ['issued'], { state: 'deleting' }));
      await refusal(insert(2, hundred));
    });

    it('are summed for the tenant and for each principal', async () => {
      const quotas = (principal: string) => [
        quotaOf({ bytesPerDay: 100 }),
        quotaOf({ principal, bytesPerDay: 60 }),
      ];
      await insert(1, quotas('key:ci'), { size: 60 });
      const { extra } = await refusal(insert(2, quotas('key:ci')));
      assert.deepEqual(extra, { quota: 'bytesPerDay', per: 'principal', limit: 60, used: 60, remaining: 0 });
      await insert(2, quotas('key:other'), { principal: 'key:other', size: 40 });
      const { extra: whole } = await refusal(insert(3, quotas('key:other'), { principal: 'key:other' }));
      assert.deepEqual(whole, { quota: 'bytesPerDay', per: 'tenant', limit: 100, used: 100, remaining: 0 });
      await insert(3, [quotaOf({ tenant: 'other', bytesPerDay: 100 })], { tenant: 'other', size: 100 });
    });

    it('may be as many as a number holds, and a batch announces more than that', async () => {
      const most = [quotaOf({ bytesPerDay: Number.MAX_SAFE_INTEGER })];
      await refusal(insert(1, most, { many: 3, size: Number.MAX_SAFE_INTEGER }));
      await insert(1, most, { size: Number.MAX_SAFE_INTEGER });
      await refusal(insert(2, most));
    });

    it('are exactly as many as fit, of 100 at once', async () => {
      const results = await Promise.allSettled(
        Array.from({ length: 100 }, (_, n) => insert(n, hundred, { size: 7 })),
      );
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 14);
      assert.equal(await stored(), 14);
      await insert(200, hundred, { size: 2 });
      await refusal(insert(201, hundred));
    });

    it('stay over a restart', async () => {
      await insert(1, hundred, { size: 100 });
      store = await opened().reopen();
      await refusal(insert(2, hundred));
    });

    it('are dropped the day after the next, and not before', async () => {
      const both = [...hundred, quotaOf({ principal: 'key:ci', bytesPerDay: 100 })];
      await insert(1, both, { size: 100 });
      await insert(2, hundred, { size: 100, now: TOMORROW });
      assert.equal(await store.uploads.dropEndedDays(TOMORROW + DAY_MS - 1, 9), 0);
      await refusal(insert(3, hundred));
      assert.equal(await store.uploads.dropEndedDays(TOMORROW + DAY_MS, 1), 1, 'so many at a time');
      assert.equal(await store.uploads.dropEndedDays(TOMORROW + DAY_MS, 9), 1);
      assert.equal(await store.uploads.dropEndedDays(TOMORROW + DAY_MS, 9), 0);
      await refusal(insert(3, hundred, { now: TOMORROW }));
    });
  });

  describe('an insert that a quota refuses', () => {
    const tight = [
      quotaOf({ openSlots: 9, bytesPerDay: 100 }),
      quotaOf({ principal: 'key:ci', openSlots: 2, bytesPerDay: 50 }),
    ];

    it('writes nothing: no slot, no key, no record, no sum, no charge of its grant', async () => {
      await store.grants.insert(grantOf(1, { createdBy: 'key:ci' }));
      const record = idempotencyOf(20, { principal: `grant:${idOf(1)}` });
      const ask = { principal: `grant:${idOf(1)}`, grant: { createdBy: 'key:ci' }, record };
      await refusal(insert(20, tight, { ...ask, many: 3, size: 10 }));
      await refusal(insert(20, tight, { ...ask, size: 51 }));
      assert.equal(await stored(), 0);
      assert.equal(await store.keys.get(idOf(20), 1), undefined);
      assert.equal(await store.uploads.findIdempotent('acme', record.principal, record.key, NOW), undefined);
      assert.equal((await store.grants.get('acme', idOf(1)))?.used, 0);
      // The whole tenant's sum, which was asked first, has not gone up either.
      await insert(30, [quotaOf({ bytesPerDay: 100 })], { size: 100, principal: 'key:other' });
    });

    it('hears of the tenant before the principal, and of open slots before bytes', async () => {
      const over = async (size: number, many: number) => {
        const { extra } = await refusal(insert(20, tight, { size, many }));
        const { per, quota } = extra as { per: string; quota: string };
        return `${per} ${quota}`;
      };
      assert.equal(await over(50, 10), 'tenant openSlots');
      assert.equal(await over(101, 1), 'tenant bytesPerDay');
      assert.equal(await over(20, 3), 'principal openSlots');
      assert.equal(await over(51, 1), 'principal bytesPerDay');
    });

    it('hears of its grant first', async () => {
      await store.grants.insert(grantOf(1, { used: 10 }));
      await assert.rejects(insert(20, tight, { grant: {}, size: 101 }), GrantExhausted);
    });
  });

  it('what cannot be stored is not charged to a quota', async () => {
    const quotas = [quotaOf({ openSlots: 3, bytesPerDay: 100 })];
    await insertOne(store, uploadOf(21, { tenant: 'other' }));
    await assert.rejects(insert(20, quotas, { many: 2, size: 50 }), DependencyUnavailable);
    await insert(30, quotas, { many: 2, size: 50 });
  });

  it('a replay costs a quota nothing, though it is used up', async () => {
    const quotas = [quotaOf({ openSlots: 1, bytesPerDay: 50 })];
    const record = idempotencyOf(1);
    assert.equal(await insert(1, quotas, { record, size: 50 }), undefined);
    assert.deepEqual(await insert(2, quotas, { record: idempotencyOf(2), size: 50 }), record);
    assert.equal(await stored(), 1);
    await insert(3, [quotaOf({ bytesPerDay: 51 })]);
  });

  it('of 50 at once with one idempotency identity, one is charged', async () => {
    const quotas = [quotaOf({ openSlots: 2, bytesPerDay: 100 })];
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, n) => insert(n, quotas, { record: idempotencyOf(n), size: 50 })),
    );
    assert.equal(results.filter((result) => result === undefined).length, 1);
    await insert(100, quotas, { size: 50 });
    await refusal(insert(101, quotas));
  });
}
