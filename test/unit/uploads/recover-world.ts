import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import type { Config } from '../../../src/config/config.ts';
import { localWrapper } from '../../../src/custody/adapters/local.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import type { KekRing } from '../../../src/custody/kek-ring.ts';
import type { KeyWrapper, WrappedKey } from '../../../src/custody/port.ts';
import { recoveryTags } from '../../../src/custody/recovery-copy.ts';
import type { ObjectFacts } from '../../../src/s3/port.ts';
import type { Store, StoredKey } from '../../../src/store/port.ts';
import { recoverStore, type RecoverRun } from '../../../src/uploads/recover.ts';
import type { RecoveredPlace, Recovery } from '../../../src/uploads/recover/outcome.ts';
import { placeOf, type Services } from '../../../src/uploads/services.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import {
  makeHarness,
  TENANT,
  noonOf,
  type Harness,
  type HarnessOptions,
  type Json,
} from '../../support/harness.ts';
import { createSecretKey } from 'node:crypto';

export const RECOVERY = { target: 'main', bucket: 'copies' };
export const ASK = { filename: 'a.pdf', contentType: 'application/pdf', size: 5, metadata: { case: '4711' } };

/** One KEK file that outlives every store. */
const ring: KekRing = {
  current: 'kek-1',
  keks: new Map(['kek-1', 'kek-2'].map((id, n) => [id, createSecretKey(Buffer.alloc(32, n + 1))])),
};
export const kek = (current = 'kek-1', held = ['kek-1', 'kek-2']): KeyWrapper =>
  localWrapper({
    id: 'local',
    ring: { current, keks: new Map([...ring.keks].filter(([id]) => held.includes(id))) },
  });

export interface World extends AsyncDisposable {
  readonly h: Harness;
  readonly s3: FakeObjectStore;
  readonly token: string;
}

export async function world(
  s3 = new FakeObjectStore(),
  options: Partial<HarnessOptions> & { custody?: Partial<Config['custody']> } = {},
): Promise<World> {
  const h = await makeHarness({
    target: fakeTarget(s3),
    tenants: { acme: TENANT, globex: { ...TENANT, bucket: 'other' }, initech: TENANT },
    custody: { recovery: RECOVERY },
    keks: kek(),
    ...options,
  });
  h.clock.now = noonOf(h.clock.now);
  return { h, s3, token: await h.token(), [Symbol.asyncDispose]: () => h[Symbol.asyncDispose]() };
}

export async function create(w: World, ask: Json = ASK, token = w.token): Promise<Json> {
  const { status, body, text } = await w.h.call('POST', '/v1/uploads', { token, body: ask });
  assert.equal(status, 201, text);
  return body;
}

/** What a client's PUT leaves: the object as its signed headers say. */
export async function arrive(
  w: World,
  slot: Json,
  facts: Partial<ObjectFacts> = {},
  tenant = 'acme',
): Promise<void> {
  const headers = slot.request.headers as Record<string, string>;
  w.s3.put(
    slot.objectKey as string,
    await w.h.customerKey(tenant, slot.id as string),
    { size: ASK.size, contentType: ASK.contentType, metadata: ASK.metadata, ...facts },
    {
      bucket: slot.bucket as string,
      tags: Object.fromEntries(new URLSearchParams(headers['x-amz-tagging'] ?? '')),
      modifiedAt: w.h.clock.now,
    },
  );
}

export const complete = (w: World, slot: Json, token = w.token) =>
  w.h.call('POST', `/v1/uploads/${String(slot.id)}/complete`, { token });

export async function uploaded(w: World, facts: Partial<ObjectFacts> = {}): Promise<Upload> {
  const slot = await create(w);
  await arrive(w, slot, facts);
  await complete(w, slot);
  return stored(w, slot.id as string);
}

export async function stored(w: World, id: string, tenant = 'acme'): Promise<Upload> {
  const upload = await w.h.store.uploads.get(tenant, id);
  if (upload === undefined) throw new Error(`no slot ${id}`);
  return upload;
}

/** A further version of an object, as a re-key writes it. */
export async function addVersion(
  w: World,
  upload: Upload,
  generation: number,
  by = kek(),
): Promise<{ key: CustomerKey; wrapped: WrappedKey; versionId: string | null }> {
  const key = CustomerKey.generate();
  const wrapped = await by.wrap(key, placeOf(upload, generation));
  const facts = { size: upload.size, contentType: upload.contentType, metadata: upload.metadata };
  const tags = recoveryTags(placeOf(upload, generation), wrapped);
  const put = w.s3.put(upload.objectKey, key, facts, { bucket: upload.bucket, tags });
  return { key, wrapped, versionId: put.facts.versionId };
}

/** By what stands in a line of the report: bucket, a slash, object key. */
export type Outcomes = Map<string, Recovery>;

export async function recover(
  services: Services,
  options: Partial<Pick<RecoverRun, 'only' | 'dryRun' | 'stop'>> = {},
): Promise<Outcomes> {
  const outcomes: Outcomes = new Map();
  await recoverStore(services, RECOVERY, {
    only: undefined,
    dryRun: false,
    stop: new AbortController(),
    report: (_what, place, outcome) => void outcomes.set(nameOf(place), outcome),
    pause: () => setImmediate(),
    ...options,
  });
  return outcomes;
}

export const nameOf = ({ bucket, objectKey }: RecoveredPlace): string => `${bucket}/${objectKey ?? '*'}`;

export const codesOf = (outcome: Recovery | undefined): string[] =>
  outcome !== undefined && 'refused' in outcome ? outcome.refused.map(({ code }) => code) : [];

/** As far as a copy tells of it. */
export const essence = ({ generation, versionId, wrapped }: StoredKey) => ({
  generation,
  versionId,
  wrapped: { ...wrapped, bytes: Buffer.from(wrapped.bytes).toString('hex') },
});

export const keysOf = async (store: Store, id: string) => (await store.keys.all(id)).map(essence);
