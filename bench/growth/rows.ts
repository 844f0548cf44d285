import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { IdempotencyRecord, NewSlot, Quota } from '../../src/store/port.ts';
import { UNTOUCHED } from '../../src/uploads/upload.ts';
import { INTERMEDIATE_ID, PRINCIPAL, TENANT } from './shape.ts';

const DAY = 86_400_000;

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
