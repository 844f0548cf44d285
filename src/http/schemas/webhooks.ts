import { Type } from 'typebox';
import { UPLOAD_EVENTS, type UploadEvent as EventType } from '../../store/port.ts';
import { Id, Mismatch, State, Time } from './fields.ts';

/** What a webhook gets. New members may come. */
export const UploadEvent = Type.Object(
  {
    type: Type.Unsafe<EventType>({ type: 'string', enum: [...UPLOAD_EVENTS] }),
    timestamp: Time,
    data: Type.Object({
      id: Id,
      tenant: Type.String(),
      state: State,
      bucket: Type.String(),
      objectKey: Type.String({ description: 'The path in the bucket.' }),
      contentType: Type.String(),
      size: Type.Integer({ description: 'Bytes.' }),
      etag: Type.Optional(Type.String()),
      versionId: Type.Optional(Type.String()),
      mismatches: Type.Optional(Type.Array(Mismatch, { description: 'What is not as announced.' })),
    }),
  },
  { $id: 'UploadEvent', description: 'What was so at `timestamp`; never key material.' },
);

const MEANINGS: Readonly<Record<EventType, string>> = {
  'upload.uploaded': 'S3 confirmed the object.',
  'upload.rejected': 'The object is not the announced one.',
  'upload.expired': 'Nothing came in time; it may still come late.',
  'upload.deleted': 'The object is proven absent, and its key destroyed.',
};

const header = (name: string, description: string) => ({
  in: 'header' as const,
  name,
  required: true,
  description,
  schema: { type: 'string' as const },
});

const SIGNED = [
  header('webhook-id', 'The same for each repetition of a message.'),
  header('webhook-timestamp', 'Seconds since the epoch, of this attempt.'),
  header('webhook-signature', 'Standard Webhooks: `v1,` and base64 of an HMAC-SHA256; several with spaces.'),
];

/** What the service sends, for OpenAPI's `webhooks`. The document's maker passes it through, so references are whole. */
export const WEBHOOKS = Object.fromEntries(
  UPLOAD_EVENTS.map((event) => [
    event,
    {
      post: {
        operationId: event.replace(/\.(.)/, (_all, letter: string) => letter.toUpperCase()),
        summary: MEANINGS[event],
        description: 'Sent to the tenant’s webhooks, at least once, in the order of each slot.',
        tags: ['events'],
        security: [],
        parameters: SIGNED,
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { $ref: '#/components/schemas/UploadEvent' } } },
        },
        responses: {
          '2XX': { description: 'Taken. Anything else is a failure, and it comes again.' },
          '410': { description: 'Not wanted: this message is given up.' },
        },
      },
    },
  ]),
);
