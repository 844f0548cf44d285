import assert from 'node:assert/strict';
import type { CustomerKey } from '../../../src/custody/customer-key.ts';
import type { ObjectFacts } from '../../../src/s3/port.ts';
import type { StoredKey } from '../../../src/store/port.ts';
import { audit, type Checked } from '../../../src/uploads/audit.ts';
import type { AuditContext } from '../../../src/uploads/audit/context.ts';
import type { AuditFinding } from '../../../src/uploads/audit/finding.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, TENANT, noonOf, type Harness, type HarnessOptions } from '../../support/harness.ts';

export const CANARIES = '.canaries/';
export const RECOVERY = { target: 'main', bucket: 'recovery' };
export const HIERARCHY = { period: 'month', maxAgeSeconds: 300, maxUses: 1000 } as const;

export interface Uploaded {
  readonly upload: Upload;
  readonly key: CustomerKey;
  readonly stored: StoredKey;
}

export interface Audited extends Checked {
  readonly findings: readonly AuditFinding[];
  /** The codes of all findings, sorted. */
  readonly codes: readonly string[];
}

export interface World extends AsyncDisposable {
  readonly h: Harness;
  readonly s3: FakeObjectStore;
  /** A slot whose object has arrived. */
  uploaded(tenant?: string): Promise<Uploaded>;
  audit(context?: Partial<AuditContext>): Promise<Audited>;
}

export async function world(options: Partial<HarnessOptions> = {}): Promise<World> {
  const s3 = new FakeObjectStore();
  s3.versioned = true;
  const tenants = { acme: TENANT, globex: TENANT };
  const h = await makeHarness({ target: fakeTarget(s3), tenants, ...options });
  h.clock.now = noonOf(h.clock.now);
  return {
    h,
    s3,
    uploaded: (tenant = 'acme') => uploaded(h, s3, tenant),
    async audit(context) {
      const findings: AuditFinding[] = [];
      const checked = await audit({
        services: h.services,
        tenant: undefined,
        sample: undefined,
        parallel: 4,
        canaries: CANARIES,
        random: Math.random,
        signal: new AbortController().signal,
        report: (finding) => void findings.push(finding),
        ...context,
      });
      return { ...checked, findings, codes: findings.map(({ code }) => code).sort() };
    },
    [Symbol.asyncDispose]: () => h[Symbol.asyncDispose](),
  };
}

async function uploaded(h: Harness, s3: FakeObjectStore, tenant: string): Promise<Uploaded> {
  const token = await h.token(tenant);
  const body = { filename: 'a.txt', contentType: 'text/plain', size: 5 };
  const { body: slot } = await h.call('POST', '/v1/uploads', { token, body });
  const key = await h.customerKey(tenant, slot.id);
  s3.put(slot.objectKey, key, { size: 5, contentType: 'text/plain' }, { tags: tagsOf(slot.request.headers) });
  const done = await h.call('POST', `/v1/uploads/${slot.id}/complete`, { token });
  assert.equal(done.status, 200, done.text);
  const upload = await h.store.uploads.get(tenant, slot.id);
  const stored = await h.store.keys.get(slot.id, 1);
  assert.ok(upload && stored);
  return { upload, key, stored };
}

function tagsOf(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(headers['x-amz-tagging'] ?? ''));
}

/** What lies there now, in place of what was put. */
export function replaceFacts(
  s3: FakeObjectStore,
  { upload, key }: Uploaded,
  facts: Partial<ObjectFacts>,
): void {
  const was = s3.objects.get(upload.objectKey);
  assert.ok(was);
  s3.versioned = false;
  s3.put(upload.objectKey, key, { ...was.facts, ...facts }, was);
  s3.versioned = true;
}

/** Removes the version that the slot names, behind the service's back. */
export function removeBehind(s3: FakeObjectStore, { upload }: Uploaded): void {
  assert.ok(s3.shelf.remove(upload.bucket, upload.objectKey, [{ versionId: upload.versionId }]));
}

/** Other bytes in the row of a key. */
export async function overwriteKey(
  h: Harness,
  { upload, stored }: Uploaded,
  bytes: Uint8Array,
): Promise<void> {
  const to = { ...stored.wrapped, bytes };
  const change = { uploadId: upload.id, generation: 1, from: stored.wrapped, to };
  assert.deepEqual(await h.store.keys.replace([change]), [true]);
}

export function flipped(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));
}
