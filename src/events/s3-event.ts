import { InvalidRequest } from '../errors.ts';

/** One object that S3 says was made. */
export interface Made {
  readonly bucket: string;
  readonly objectKey: string;
}

/** S3 and MinIO send one record in an event; whoever collects them first may send some together. */
export const MOST_RECORDS = 250;

/**
 * Of S3's `Records`, which MinIO sends too, and of EventBridge's event. What tells of something else is none, and so are the tests that
 * S3 and MinIO send when they are set up.
 * @throws InvalidRequest when it is of no such form: whoever set it up would else never learn that nothing is heeded.
 */
export function madeObjects(event: unknown): Made[] {
  const members = membersOf(event);
  const { Records: records, detail, 'detail-type': type } = members;
  if (records !== undefined) return ofRecords(records);
  if (detail !== undefined || type !== undefined) return ofEventBridge(detail, type);
  if (members['Event'] === 's3:TestEvent' || Object.keys(members).length === 0) return [];
  throw refused(
    '/',
    'must have `Records`, an array, as S3 and MinIO send it, or `detail-type` and `detail`, as EventBridge does',
  );
}

function ofRecords(records: unknown): Made[] {
  if (!Array.isArray(records)) throw refused('/Records', 'must be an array of S3’s records');
  if (records.length > MOST_RECORDS) {
    throw refused('/Records', `must hold at most ${MOST_RECORDS} records; send the others by themselves`);
  }
  return records.flatMap(ofRecord);
}

function ofRecord(record: unknown): Made[] {
  const { eventName, s3 } = membersOf(record);
  if (typeof eventName !== 'string' || !/^(s3:)?ObjectCreated:/.test(eventName)) return [];
  const { bucket, object } = membersOf(s3);
  const { key } = membersOf(object);
  // In records, object keys are encoded as in a form.
  return made(membersOf(bucket)['name'], typeof key === 'string' ? formDecoded(key) : undefined);
}

/** A transformer of EventBridge may leave out the type. */
function ofEventBridge(detail: unknown, type: unknown): Made[] {
  if (!isObject(detail)) throw refused('/detail', 'must be an object, as EventBridge sends it');
  if (type !== undefined && typeof type !== 'string') {
    throw refused('/detail-type', 'must be a string, such as "Object Created"');
  }
  if (type !== undefined && type !== 'Object Created') return [];
  return made(membersOf(detail['bucket'])['name'], membersOf(detail['object'])['key']);
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

function refused(path: string, message: string): InvalidRequest {
  return new InvalidRequest([{ path, message }]);
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
