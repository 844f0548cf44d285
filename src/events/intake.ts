import type { Principal } from '../access/principal.ts';
import type { Services } from '../uploads/services.ts';
import { slotIdsOf } from '../uploads/slot-ids.ts';
import type { Upload } from '../uploads/upload.ts';

/** One object that S3 says was made. */
interface Made {
  readonly bucket: string;
  readonly objectKey: string;
}

/** S3 sends one record in an event, and never more than a few. */
const MOST_RECORDS = 1_000;

/**
 * Events are hints that an object may be there, and nothing in them is believed: each slot of the caller's tenant that waits for its object
 * is looked at by a HEAD with its key. So duplicates, disorder and forgeries cost a look and change nothing.
 * @returns how many slots are looked at. The hint is durable when it resolves.
 */
export async function takeEvents(services: Services, principal: Principal, event: unknown): Promise<number> {
  const waiting = new Map<string, Upload>();
  for (const made of madeObjects(event)) {
    for (const upload of await slotsOf(services, principal, made)) waiting.set(upload.id, upload);
  }
  let hints = 0;
  for (const { id } of waiting.values()) {
    const patch = { nextCheckAt: services.now() };
    const due = await services.store.uploads.update(id, ['issued', 'expired'], patch);
    if (due === undefined) continue;
    services.lookAt(due);
    hints += 1;
  }
  return hints;
}

async function slotsOf(
  { store }: Services,
  { tenant }: Principal,
  { bucket, objectKey }: Made,
): Promise<Upload[]> {
  const found: Upload[] = [];
  for (const id of slotIdsOf(bucket, objectKey)) {
    const upload = await store.uploads.get(tenant, id);
    const isIts = upload?.bucket === bucket && upload.objectKey === objectKey;
    const isWaiting = upload?.state === 'issued' || upload?.state === 'expired';
    if (isIts && isWaiting && upload.forgottenAt === null) found.push(upload);
  }
  return found;
}

/** Of S3's `Records`, which MinIO sends too, and of EventBridge's event. What is of neither form, or tells of something else, is none. */
function madeObjects(event: unknown): Made[] {
  const { Records: records, detail, 'detail-type': type } = membersOf(event);
  if (Array.isArray(records)) return records.slice(0, MOST_RECORDS).flatMap(ofRecord);
  if (type === undefined || type === 'Object Created') return ofEventBridge(detail);
  return [];
}

function ofRecord(record: unknown): Made[] {
  const { eventName, s3 } = membersOf(record);
  if (typeof eventName !== 'string' || !/^(s3:)?ObjectCreated:/.test(eventName)) return [];
  const { bucket, object } = membersOf(s3);
  const { key } = membersOf(object);
  // In records, object keys are encoded as in a form.
  return made(membersOf(bucket)['name'], typeof key === 'string' ? formDecoded(key) : undefined);
}

function ofEventBridge(detail: unknown): Made[] {
  const { bucket, object } = membersOf(detail);
  return made(membersOf(bucket)['name'], membersOf(object)['key']);
}

function made(bucket: unknown, objectKey: unknown): Made[] {
  return typeof bucket === 'string' && typeof objectKey === 'string' ? [{ bucket, objectKey }] : [];
}

function formDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
