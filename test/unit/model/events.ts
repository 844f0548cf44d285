import type { Slot } from './truth.ts';

export const EVENT_FORMS = [
  's3',
  'minio',
  'eventbridge',
  'another bucket',
  'another key',
  'removed',
] as const;
type Form = (typeof EVENT_FORMS)[number];

/** What S3 says when an object was made, or somebody who only pretends to be S3. */
export function eventOf(form: Form, slot: Slot | undefined, times: number): unknown {
  const objectKey = slot?.objectKey ?? 'nothing/of/ours';
  const key = encodeURIComponent(form === 'another key' ? `${objectKey}x` : objectKey).replaceAll('%20', '+');
  const bucket = form === 'another bucket' ? 'elsewhere' : 'uploads';
  if (form === 'eventbridge') {
    return {
      'detail-type': 'Object Created',
      detail: { bucket: { name: bucket }, object: { key: objectKey } },
    };
  }
  const eventName = form === 'removed' ? 'ObjectRemoved:Delete' : 'ObjectCreated:Put';
  const record = {
    eventName: form === 'minio' ? `s3:${eventName}` : eventName,
    s3: { bucket: { name: bucket }, object: { key } },
  };
  return { Records: Array.from({ length: times }, () => record) };
}
