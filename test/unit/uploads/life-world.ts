import assert from 'node:assert/strict';
import type { TenantConfig } from '../../../src/config/config.ts';
import { UPLOAD_EVENTS, type UploadEvent } from '../../../src/store/port.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, TENANT, type Harness, type HarnessOptions, type Json } from '../../support/harness.ts';

export const PART = 5 * 1024 ** 2;
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const KEY_HEADER = 'x-amz-server-side-encryption-customer-key';
/** Three parts. */
export const PARTED = { contentType: 'video/mp4', size: 2 * PART + 7, partSize: PART, method: 'multipart' };

/** The service, S3 in memory, and one caller. */
export interface LifeWorld extends AsyncDisposable {
  readonly h: Harness;
  readonly s3: FakeObjectStore;
  readonly token: string;
  issue(ask?: Json): Promise<Json>;
  parts(slot: Json, partNumbers?: readonly number[], token?: string): ReturnType<Harness['call']>;
  complete(slot: Json): ReturnType<Harness['call']>;
  /** The client sends all parts of the slot's upload, each of its size unless given. */
  sendAll(slot: Json, sizes?: Readonly<Record<number, number>>): Promise<void>;
  /** A client's PUT as its request says. */
  arrive(slot: Json, facts?: object): Promise<void>;
  stored(slot: Json): Promise<Upload>;
  /** What the outbox tells of a slot, in order. */
  told(slot: Json): Promise<UploadEvent[]>;
  hasKey(slot: Json): Promise<boolean>;
}

export async function lifeWorld(
  policy: Partial<TenantConfig> = {},
  options: Partial<HarnessOptions> = {},
): Promise<LifeWorld> {
  const s3 = new FakeObjectStore();
  const webhook = { url: new URL('https://hooks.example.com/'), events: [...UPLOAD_EVENTS], secrets: [] };
  const acme = {
    ...TENANT,
    webhooks: { hook: webhook as unknown as TenantConfig['webhooks'][string] },
    ...policy,
  };
  const h = await makeHarness({ target: fakeTarget(s3), tenants: { acme, globex: TENANT }, ...options });
  const token = await h.token();
  const stored = async (slot: Json): Promise<Upload> =>
    (await h.store.uploads.get('acme', slot.id as string)) ?? assert.fail('no slot');
  return {
    ...{ h, s3, token, stored },
    async issue(ask = PARTED) {
      const { status, body, text } = await h.call('POST', '/v1/uploads', { token, body: ask });
      assert.equal(status, 201, text);
      return body;
    },
    parts: (slot, partNumbers = [1, 2, 3], as = token) =>
      h.call('POST', `/v1/uploads/${String(slot.id)}/parts`, { token: as, body: { partNumbers } }),
    complete: (slot) => h.call('POST', `/v1/uploads/${String(slot.id)}/complete`, { token }),
    async sendAll(slot, sizes = {}) {
      const asked = await h.call('POST', `/v1/uploads/${String(slot.id)}/parts`, {
        token,
        body: { partNumbers: [1, 2, 3] },
      });
      assert.equal(asked.status, 200, asked.text);
      for (const { partNumber, size, url } of asked.body.parts as Json[]) {
        const uploadId = new URL(url as string).searchParams.get('uploadId') ?? '';
        s3.putPart(uploadId, { partNumber, size: sizes[partNumber as number] ?? size });
      }
    },
    async arrive(slot, facts = {}) {
      const { size, contentType } = slot as { size: number; contentType: string };
      const key = await h.customerKey('acme', slot.id as string);
      s3.put(slot.objectKey as string, key, { size, contentType, ...facts });
    },
    async told(slot) {
      const messages = await h.store.outbox.list({ tenant: 'acme', limit: 100 });
      return messages
        .filter(({ uploadId }) => uploadId === slot.id)
        .map(({ type }) => type)
        .reverse();
    },
    hasKey: async (slot) => (await h.store.keys.get(slot.id as string, 1)) !== undefined,
    [Symbol.asyncDispose]: () => h[Symbol.asyncDispose](),
  };
}
