import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { IdempotencyRecord, NewSlot, Quota, Store } from '../../src/store/port.ts';
import { UNTOUCHED } from '../../src/uploads/upload.ts';
import { API_KEYS, apiKeyId, DAY_MS as DAY, INTERMEDIATE_ID, PRINCIPAL, TENANT } from './shape.ts';

/** A slot as the service makes it, of the shape of those that fill the store. */
export function newSlot(now: number, tenant = TENANT): NewSlot {
  const id = uuidv7();
  const filename = `Invoice ${randomBytes(6).toString('hex')}.pdf`;
  return {
    upload: {
      ...UNTOUCHED,
      id,
      tenant,
      principal: PRINCIPAL,
      state: 'issued',
      target: 'main',
      bucket: 'acme-uploads',
      objectKey: `${tenant}/2026/11/${id}/${filename}`,
      filename,
      contentType: 'application/pdf',
      size: 1_000_000,
      sha256: randomBytes(32).toString('base64'),
      crc32c: null,
      crc64nvme: null,
      method: 'PUT',
      partSize: null,
      multipartUploadId: null,
      metadata: { 'customer-number': randomBytes(4).toString('hex'), department: 'accounts' },
      expiresInSeconds: 900,
      createdAt: now,
      expiresAt: now + DAY,
      urlEndsAt: now + 900_000,
      nextCheckAt: now + 900_000,
    },
    key: { wrapperId: 'intermediate', kekId: INTERMEDIATE_ID, bytes: randomBytes(61) },
    hasCopy: false,
  };
}

export function recordOf({ upload }: NewSlot, now: number): IdempotencyRecord {
  return {
    tenant: upload.tenant,
    principal: upload.principal,
    key: upload.id,
    requestHash: createHash('sha256').update(upload.id).digest(),
    uploadIds: [upload.id],
    expiresAt: now + DAY,
  };
}

/** Far from used up, so that each insert counts, and none is refused. */
export const quotasOf = (tenant: string): readonly Quota[] => [
  { tenant, principal: null, openSlots: 1_000_000, bytesPerDay: 1e15 },
  { tenant, principal: PRINCIPAL, openSlots: 1_000_000, bytesPerDay: 1e15 },
];

/** Unless they are there. */
export async function addApiKeys({ apiKeys }: Pick<Store, 'apiKeys'>, createdAt: number): Promise<void> {
  if ((await apiKeys.find(apiKeyId(API_KEYS - 1))) !== undefined) return;
  // The last one last: it says that all are there.
  const add = (index: number): Promise<void> =>
    apiKeys.insert({
      id: apiKeyId(index),
      tenant: TENANT,
      name: `partner ${index}`,
      scopes: ['uploads:write', 'uploads:read'],
      secretHash: randomBytes(32),
      createdAt,
      expiresAt: null,
      revokedAt: null,
      lastUsedAt: null,
    });
  await Promise.all(Array.from({ length: API_KEYS - 1 }, (_, index) => add(index)));
  await add(API_KEYS - 1);
}
