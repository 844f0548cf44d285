import assert from 'node:assert/strict';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import type { KeyWrapper, WrappedKey } from '../../src/custody/port.ts';
import type { Store } from '../../src/store/port.ts';
import { placeOf } from '../../src/uploads/services.ts';
import { UPLOAD_STATES, type Upload } from '../../src/uploads/upload.ts';
import {
  buriedAt,
  forgottenAt,
  grantOf,
  idempotencyOf,
  idOf,
  intermediateOf,
  messageOf,
  NOW,
  uploadedOf,
  uploadOf,
  wrappedBy,
} from '../contract/store-rows.ts';
import { underHierarchy } from './under-hierarchy.ts';

/** Tenants of the slots of a full store. */
const TENANTS = ['acme', 'größe-大'];

/** Names that two databases could sort, count or spell otherwise. */
const FILENAMES = [
  'e\u0301té.pdf',
  'été.pdf',
  '😀 \uFFFD\uE000.bin',
  'tab\t"quote" \\N \'x\'',
  '\u202Egnp.exe',
  '{1,NULL}',
];

/** How many slots `fillStore` makes. */
export const SLOTS = 30;

/**
 * Makes of everything that a store can hold at least one: slots in every state, generations, destroyed keys, stale copies, intermediate
 * keys, a retired KEK, used grants, messages in every state and in line, idempotency records of one and of many, numbers at their limits.
 * @param keks opens what is wrapped here; half of the keys are under intermediate keys.
 */
export async function fillStore(store: Store, keks: KeyWrapper): Promise<void> {
  const under = underHierarchy(keks, store);
  const wrap = (upload: Upload, n: number, generation = 1): Promise<WrappedKey> =>
    (n % 2 === 0 ? keks : under).wrap(CustomerKey.generate(), placeOf(upload, generation));
  // Has the announced bytes counted.
  const quotas = [{ tenant: 'acme', principal: null, openSlots: 1_000, bytesPerDay: 1e12 }];
  const put = async (n: number, changes: Partial<Upload> = {}): Promise<Upload> => {
    const upload = uploadOf(n, { filename: FILENAMES[n % FILENAMES.length] ?? null, size: n, ...changes });
    const slot = { upload, key: await wrap(upload, n), hasCopy: n % 3 === 0 };
    // More than one of that size is more than a day can count.
    await store.uploads.insert([slot], undefined, NOW, undefined, upload.size > 1e12 ? undefined : quotas);
    return upload;
  };

  for (const n of [1, 2, 3, 4]) await put(n, n === 4 ? { tenant: TENANTS[1] ?? '', nextCheckAt: null } : {});
  await put(5, {
    sha256: 'n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=',
    size: Number.MAX_SAFE_INTEGER - 100,
  });
  await put(6, { method: 'multipart', partSize: 5_242_880, multipartUploadId: 'up~1', metadata: {} });
  await put(7, { ...uploadedOf(7), size: 0, filename: null });
  await put(8, { state: 'rejected', mismatches: [{ field: 'size', expected: 1, actual: null }] });
  for (const n of [9, 10]) await put(n, { state: 'expired' });
  await store.uploads.forget(idOf(10), { urlEndsAt: NOW + 900_000 }, forgottenAt(NOW + 1));
  for (const n of [11, 12]) await put(n, { state: 'deleting', deletingAt: NOW });
  await store.uploads.bury(idOf(12), { urlEndsAt: NOW + 900_000 }, buriedAt(NOW + 2));

  await addGenerations(store, put, wrap);
  await addBatch(store, wrap, quotas);
  await addCustody(store, keks);
  await addMessages(store);
  await store.apiKeys.insert({
    ...{ id: 'k1', tenant: 'acme', name: 'ci', scopes: ['uploads:write', 'keys:rotate'] as const },
    ...{ secretHash: new Uint8Array(32).fill(255), createdAt: NOW, expiresAt: NOW + 1 },
    ...{ revokedAt: null, lastUsedAt: null },
  });
  await store.apiKeys.revoke('k1', NOW + 3);
  under.close();
}

/** One that is re-keyed twice, its first generation destroyed, and one on its way. */
async function addGenerations(
  store: Store,
  put: (n: number, changes?: Partial<Upload>) => Promise<Upload>,
  wrap: (upload: Upload, n: number, generation: number) => Promise<WrappedKey>,
): Promise<void> {
  const at = { now: NOW + 1, writesUntil: NOW + 2_000_000, nextCheckAt: NOW + 60_000 };
  const upload = await put(13, uploadedOf(13));
  for (const generation of [2, 3, 4]) {
    const next = { ...upload, generation: generation - 1, nextGeneration: generation };
    assert.ok(await store.keys.begin(next, await wrap(upload, 12, generation), at, true));
    if (generation < 4)
      await store.keys.advance(next, {
        etag: `"e${generation}"`,
        versionId: `v${generation}`,
        nextCheckAt: null,
      });
  }
  assert.ok(await store.keys.destroy({ uploadId: upload.id, generation: 1 }, NOW + 4));
  const [stale] = await store.keys.all(upload.id);
  assert.ok(stale);
  // The same bytes again: what counts is that the copy is stale now, and the key still opens.
  const change = {
    uploadId: upload.id,
    generation: stale.generation,
    from: stale.wrapped,
    to: stale.wrapped,
  };
  assert.deepEqual(await store.keys.replace([change]), [true]);
}

/** Slots of one request, of a grant, some of them forgotten since. */
async function addBatch(
  store: Store,
  wrap: (upload: Upload, n: number) => Promise<WrappedKey>,
  quotas: Parameters<Store['uploads']['insert']>[4],
): Promise<void> {
  const grant = grantOf(1, { count: 100 });
  await store.grants.insert(grant);
  await store.grants.insert(
    grantOf(2, { contentTypes: null, methods: null, prefix: null, maxSizeBytes: null }),
  );
  await store.grants.revoke('acme', idOf(2), NOW + 5);
  const slots = [];
  for (let n = 14; n <= SLOTS; n += 1) {
    const upload = uploadOf(n, { principal: `grant:${grant.id}`, size: 1_000 });
    slots.push({ upload, key: await wrap(upload, n), hasCopy: false });
  }
  const uploadIds = slots.map(({ upload }) => upload.id);
  const record = idempotencyOf(1, { key: 'größe 😀', principal: `grant:${grant.id}`, uploadIds });
  assert.equal(await store.uploads.insert(slots, record, NOW, grant, quotas), undefined);
}

async function addCustody(store: Store, keks: KeyWrapper): Promise<void> {
  for (const n of [1, 2]) {
    const key = intermediateOf(100 + n, { tenant: 'other', period: '2027-01', version: n });
    assert.ok(await store.intermediates.insert(key, n === 1, n === 1));
  }
  assert.ok(await store.intermediates.destroy(idOf(102), NOW + 6));
  // In UTF-16 they sort the other way round than in UTF-8.
  for (const kekId of ['kek-\uFFFD', 'kek-😀', 'kek-A', 'kek-a'])
    assert.ok(await store.custody.retire({ wrapperId: keks.id, kekId }, NOW + 7));
  const upload = uploadOf(90, { tenant: 'other', state: 'expired' });
  await store.uploads.insert([{ upload, key: wrappedBy('nobody-has-it'), hasCopy: true }], undefined, NOW);
}

/** Delivered, given up, tried once, and two in line behind it. */
async function addMessages(store: Store): Promise<void> {
  for (const n of [1, 2, 3, 4, 5]) {
    const payload = JSON.stringify({ n, filename: FILENAMES[n] });
    // Ids go against the order of the commits.
    const message = messageOf(n, { id: `msg_${idOf(9 - n)}`, payload });
    assert.ok(await store.uploads.update(idOf(1), ['issued'], {}, {}, [message]));
  }
  const claim = async () => {
    const [claimed] = await store.outbox.claim(NOW + 1_000, NOW + 2_000, 1);
    assert.ok(claimed);
    return claimed;
  };
  await store.outbox.note(await claim(), { state: 'delivered', endedAt: NOW + 8 });
  await store.outbox.note(await claim(), { state: 'dead', endedAt: NOW + 9, lastFailure: 'it answers 500' });
  await store.outbox.note(await claim(), {
    state: 'pending',
    nextAttemptAt: NOW + 9_000,
    lastFailure: 'no answer',
  });
}

/** All that the port tells of a store that `fillStore` has filled. */
export async function readStore(store: Store): Promise<unknown> {
  const ids = Array.from({ length: 120 }, (_, n) => idOf(n));
  const tenants = [...TENANTS, 'other', 'nobody'];
  const read: Record<string, unknown> = {};
  for (const tenant of tenants) {
    for (const id of ids) read[`${tenant} ${id}`] = await store.uploads.get(tenant, id);
    for (const state of [undefined, ...UPLOAD_STATES]) {
      const query = { ...(state && { state }), limit: 100, now: NOW };
      read[`list ${tenant} ${state ?? ''}`] = await store.uploads.list(tenant, query);
    }
  }
  for (const id of ids) {
    read[`keys ${id}`] = await store.keys.all(id);
    read[`last ${id}`] = await store.keys.lastGeneration(id);
  }
  return {
    ...read,
    page: await store.keys.page({ limit: 1_000 }),
    stale: await store.keys.page({ copies: 'stale', limit: 1_000 }),
    missing: await store.keys.page({ copies: 'missing', limit: 1_000 }),
    usage: sorted(await store.keys.usage()),
    idempotency: await store.uploads.findIdempotent('acme', `grant:${idOf(1)}`, 'größe 😀', NOW),
    intermediates: await store.intermediates.list(),
    newest: await store.intermediates.newest('other', '2027-01'),
    lastVersion: await store.intermediates.lastVersion('other', '2027-01'),
    messages: await store.outbox.list({ limit: 100 }),
    counts: await store.outbox.count(),
    nextAttemptAt: await store.outbox.nextAttemptAt(),
    grants: await store.grants.list('acme', { limit: 100 }),
    apiKeys: await store.apiKeys.list(),
  };
}

function sorted<T>(list: readonly T[]): T[] {
  return [...list].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
