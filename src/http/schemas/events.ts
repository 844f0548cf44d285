import { Type } from 'typebox';

/** S3's, MinIO's and EventBridge's own forms: what is in them beside what is read is not our business. */
export const S3Events = Type.Unsafe<Record<string, unknown>>({
  $id: 'S3Events',
  type: 'object',
  additionalProperties: true,
  description:
    'As S3 sends them: `Records` (S3, MinIO’s webhook), or one EventBridge event with `detail` (API destination).',
});

const Accepted = Type.Object(
  { hints: Type.Integer({ description: 'How many slots of this tenant are looked at because of it.' }) },
  { $id: 'Accepted' },
);

export const EVENT_SCHEMAS = [S3Events, Accepted];
