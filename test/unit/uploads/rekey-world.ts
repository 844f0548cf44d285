import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { recoveryTags } from '../../../src/custody/recovery-copy.ts';
import { customerKeyOf } from '../../../src/uploads/customer-key-of.ts';
import { continueRekey, type RekeyEnd } from '../../../src/uploads/rekey.ts';
import { claim } from '../../../src/uploads/rekey/lease.ts';
import { placeOf } from '../../../src/uploads/services.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, type Harness, type HarnessOptions } from '../../support/harness.ts';

export const HOUR = 3_600_000;
export const LEASE = 60_000;
export const NEVER = new AbortController().signal;

/** An object that is uploaded, and what a re-key makes of it. */
export interface RekeyWorld extends AsyncDisposable {
  readonly h: Harness;
  readonly s3: FakeObjectStore;
  readonly token: string;
  readonly bytes: Buffer;
  readonly id: string;
  slot(): Promise<Upload>;
  /** POST …/rekey. */
  ask(): ReturnType<Harness['call']>;
  /** What a worker does that has the lease. */
  work(stop?: AbortSignal): Promise<RekeyEnd | 'not mine'>;
  /** The generation that opens each version in S3, the newest first; undefined where no key in the store does. */
  opens(): Promise<(number | undefined)[]>;
}

export async function rekeyWorld(
  options: { versioned: boolean; sha256?: boolean } & Partial<HarnessOptions>,
): Promise<RekeyWorld> {
  const s3 = new FakeObjectStore();
  s3.versioned = options.versioned;
  const h = await makeHarness({ target: fakeTarget(s3), ...options });
  const token = await h.token();
  const bytes = randomBytes(1000);
  const facts = { contentType: 'text/plain', metadata: { case: '4711' } };
  const { body } = await h.call('POST', '/v1/uploads', { token, body: { ...facts, size: bytes.length } });
  const id = body.id as string;
  s3.put(body.objectKey as string, await h.customerKey('acme', id), facts, {
    bytes,
    tags: await tagsOf(h, await slot()),
  });
  const done = await h.call('POST', `/v1/uploads/${id}/complete`, { token });
  assert.equal(done.status, 200, done.text);

  async function slot(): Promise<Upload> {
    const upload = await h.store.uploads.get('acme', id);
    assert.ok(upload);
    return upload;
  }

  return {
    ...{ h, s3, token, bytes, id, slot },
    ask: () => h.call('POST', `/v1/uploads/${id}/rekey`, { token }),
    async work(stop = NEVER) {
      const claimed = await claim(h.services, await slot());
      return claimed === undefined ? 'not mine' : continueRekey(h.services, claimed, stop);
    },
    async opens() {
      const upload = await slot();
      const byMd5 = new Map<string, number>();
      for (const { generation } of await h.store.keys.all(id)) {
        byMd5.set((await customerKeyOf(h.services, { ...upload, generation })).md5(), generation);
      }
      return s3.versionsOf(upload.objectKey).map(({ keyMd5 }) => byMd5.get(keyMd5));
    },
    [Symbol.asyncDispose]: () => h[Symbol.asyncDispose](),
  };
}

/** What the client was told to send. */
async function tagsOf(h: Harness, upload: Upload): Promise<Record<string, string>> {
  const stored = await h.store.keys.get(upload.id, 1);
  return stored?.copy ? recoveryTags(placeOf(upload, 1), stored.wrapped) : {};
}
