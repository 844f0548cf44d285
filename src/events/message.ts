import { v7 as uuidv7 } from 'uuid';
import type { Config } from '../config/config.ts';
import type { OutboxMessage, UploadEvent } from '../store/port.ts';
import type { Upload } from '../uploads/upload.ts';

/**
 * One message for each webhook of the slot's tenant that wants this event. They go into the outbox by the commit that makes them true.
 * @param upload as that commit leaves it.
 */
export function messagesOf(config: Config, upload: Upload, type: UploadEvent, now: number): OutboxMessage[] {
  const tenant = Object.hasOwn(config.tenants, upload.tenant) ? config.tenants[upload.tenant] : undefined;
  return Object.entries(tenant?.webhooks ?? {})
    .filter(([, webhook]) => webhook.events.includes(type))
    .map(([webhook]) => ({
      id: `msg_${uuidv7()}`,
      tenant: upload.tenant,
      webhook,
      uploadId: upload.id,
      type,
      payload: JSON.stringify({ type, timestamp: new Date(now).toISOString(), data: dataOf(upload) }),
      createdAt: now,
    }));
}

/** Thin, as Standard Webhooks advises: who wants more asks for the slot. A tombstone keeps no filename and no metadata, nor does this. */
function dataOf(upload: Upload): Record<string, unknown> {
  return {
    id: upload.id,
    tenant: upload.tenant,
    state: upload.state,
    bucket: upload.bucket,
    objectKey: upload.objectKey,
    contentType: upload.contentType,
    size: upload.size,
    etag: upload.etag ?? undefined,
    versionId: upload.versionId ?? undefined,
    mismatches: upload.mismatches ?? undefined,
  };
}
