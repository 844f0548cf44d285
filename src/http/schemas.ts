import { Type, type Static, type TSchema } from 'typebox';
import type { UploadMethod } from '../uploads/upload.ts';
import { CODES } from './codes.ts';
import { CONTENT_SCHEMAS } from './schemas/content.ts';
import { EVENT_SCHEMAS } from './schemas/events.ts';
import { GRANT_SCHEMAS } from './schemas/grants.ts';
import { PART_SCHEMAS } from './schemas/parts.ts';
import {
  closed,
  ContentType,
  Crc32c,
  Crc64nvme,
  Disposition,
  ExpiresInSeconds,
  FIELD_SCHEMAS,
  FieldError,
  Id,
  MAX_INTEGER,
  Metadata,
  Method,
  Mismatch,
  PartNumber,
  Sha256,
  State,
  textMap,
  Time,
  UUID,
} from './schemas/fields.ts';
import { UploadEvent } from './schemas/webhooks.ts';

export const CreateUpload = Type.Object(
  {
    filename: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1024,
        description:
          'At most 1,024 bytes of UTF-8, no NUL. Comes back as sent; the object key holds a cleaned form.',
      }),
    ),
    contentType: ContentType,
    size: Type.Integer({ minimum: 0, maximum: MAX_INTEGER, description: 'Bytes.' }),
    sha256: Type.Optional(Sha256),
    crc32c: Type.Optional(Crc32c),
    crc64nvme: Type.Optional(Crc64nvme),
    method: Type.Optional(Type.Unsafe<UploadMethod>({ allOf: [Method], default: 'PUT' })),
    partSize: Type.Optional(
      Type.Integer({
        minimum: 5 * 1024 ** 2,
        maximum: 5 * 1024 ** 3,
        description: 'Bytes of each part but the last; chosen for you unless given. For multipart.',
      }),
    ),
    expiresInSeconds: Type.Optional(ExpiresInSeconds),
    metadata: Type.Optional(Metadata),
  },
  { $id: 'CreateUpload', ...closed },
);
export type CreateUpload = Static<typeof CreateUpload>;

export const Empty = Type.Object(
  {},
  { $id: 'Empty', description: 'No members. The body may be left out.', ...closed },
);

export const CreateDownload = Type.Object(
  {
    range: Type.Optional(
      Type.String({
        pattern: '^bytes=([0-9]{1,15}-[0-9]{0,15}|-[0-9]{1,15})$',
        description: 'One byte range, RFC 9110; signed.',
        examples: ['bytes=0-1023'],
      }),
    ),
    disposition: Type.Optional(Disposition),
    expiresInSeconds: Type.Optional(ExpiresInSeconds),
  },
  { $id: 'CreateDownload', ...closed },
);
export type CreateDownload = Static<typeof CreateDownload>;

const PutRequest = Type.Object(
  {
    method: Type.Unsafe<'PUT'>({ type: 'string', enum: ['PUT'] }),
    url: Type.String({ format: 'uri' }),
    headers: textMap(
      'Exactly what the client must set, names in lower case; holds the customer key. Host and Content-Length are signed too and set by the HTTP stack.',
    ),
    expiresAt: Time,
  },
  { $id: 'PutRequest' },
);
const PostRequest = Type.Object(
  {
    method: Type.Unsafe<'POST'>({ type: 'string', enum: ['POST'] }),
    url: Type.String({ format: 'uri' }),
    fields: textMap(
      'All fields of the form, before the file, which is named `file`; holds the customer key.',
    ),
    expiresAt: Time,
  },
  { $id: 'PostRequest' },
);
const MultipartRequest = Type.Object(
  {
    method: Type.Unsafe<'multipart'>({ type: 'string', enum: ['multipart'] }),
    partSize: Type.Integer({ description: 'Bytes of each part but the last.' }),
    partCount: Type.Integer(),
    expiresAt: Type.String({ format: 'date-time', description: 'Until when requests for parts are given.' }),
  },
  { $id: 'MultipartRequest' },
);
export const UploadRequest = Type.Unsafe<
  Static<typeof PutRequest> | Static<typeof PostRequest> | Static<typeof MultipartRequest>
>({
  $id: 'UploadRequest',
  oneOf: [{ $ref: 'PutRequest#' }, { $ref: 'PostRequest#' }, { $ref: 'MultipartRequest#' }],
  discriminator: {
    propertyName: 'method',
    mapping: {
      PUT: '#/components/schemas/PutRequest',
      POST: '#/components/schemas/PostRequest',
      multipart: '#/components/schemas/MultipartRequest',
    },
  },
});

export const DownloadRequest = Type.Object(
  {
    method: Type.Unsafe<'GET'>({ type: 'string', enum: ['GET'] }),
    url: Type.String({ format: 'uri' }),
    headers: textMap('Exactly what the client must set; holds the customer key.'),
    expiresAt: Time,
  },
  { $id: 'DownloadRequest' },
);

export const Slot = Type.Object(
  {
    id: Id,
    state: State,
    bucket: Type.String(),
    objectKey: Type.String({ description: 'The path in the bucket.' }),
    filename: Type.Optional(Type.String()),
    contentType: Type.String(),
    size: Type.Integer({ description: 'Bytes.' }),
    sha256: Type.Optional(Type.String()),
    crc32c: Type.Optional(Type.String()),
    crc64nvme: Type.Optional(Type.String()),
    method: Method,
    partSize: Type.Optional(Type.Integer({ description: 'Bytes of each part but the last.' })),
    metadata: textMap('As sent.'),
    createdAt: Time,
    expiresAt: Type.String({ format: 'date-time', description: 'The last moment a new request is given.' }),
    uploadedAt: Type.Optional(Time),
    etag: Type.Optional(Type.String()),
    versionId: Type.Optional(Type.String()),
    keyGeneration: Type.Integer({
      description: 'Which customer key the object is under: 1, and one more a re-key.',
    }),
    rekeying: Type.Optional(Type.Boolean({ description: 'true while a re-key is under way.' })),
    mismatches: Type.Optional(
      Type.Array(Mismatch, { description: 'Of a rejected slot: what is not as announced.' }),
    ),
    request: Type.Optional(Type.Unsafe<Static<typeof UploadRequest>>({ $ref: 'UploadRequest#' })),
  },
  { $id: 'Slot' },
);

export const CreateBatch = Type.Object(
  {
    uploads: Type.Array(Type.Unsafe<CreateUpload>({ $ref: 'CreateUpload#' }), {
      minItems: 1,
      maxItems: 1000,
    }),
  },
  { $id: 'CreateBatch', ...closed },
);
export type CreateBatch = Static<typeof CreateBatch>;

export const Batch = Type.Object(
  {
    uploads: Type.Array(Type.Unsafe<Static<typeof Slot>>({ $ref: 'Slot#' }), {
      description: 'In the order of the request.',
    }),
  },
  { $id: 'Batch' },
);

export const SlotPage = Type.Object(
  {
    uploads: Type.Array(Type.Unsafe<Static<typeof Slot>>({ $ref: 'Slot#' })),
    nextCursor: Type.Optional(Type.String({ description: 'Absent on the last page.' })),
  },
  { $id: 'SlotPage' },
);

export const Problem = Type.Object(
  {
    type: Type.String({ format: 'uri' }),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({
      description: `Stable; docs/errors.md says what to do. More may come: take an unknown one by its status. Now: ${Object.keys(CODES).join(', ')}.`,
      examples: Object.keys(CODES),
    }),
    detail: Type.String(),
    requestId: Type.String(),
    errors: Type.Optional(Type.Array(FieldError)),
    missingParts: Type.Optional(
      Type.Array(PartNumber, { maxItems: 100, description: 'Of not_arrived: the first parts to send.' }),
    ),
    missingCount: Type.Optional(
      Type.Integer({ description: 'Of not_arrived: how many parts are missing in all.' }),
    ),
    mismatches: Type.Optional(
      Type.Array(Mismatch, { description: 'Of mismatch: what is not as announced.' }),
    ),
    dependency: Type.Optional(
      Type.String({ description: 'Of dependency_unavailable: what does not answer.' }),
    ),
    left: Type.Optional(
      Type.Integer({ description: 'Of grant_exhausted: how many slots the grant has left.' }),
    ),
    per: Type.Optional(
      Type.String({
        description: 'Of rate_limited and quota_exceeded: whose limit it is, tenant, principal or links.',
      }),
    ),
    quota: Type.Optional(Type.String({ description: 'Of quota_exceeded: which, openSlots or bytesPerDay.' })),
    limit: Type.Optional(Type.Integer({ description: 'Of quota_exceeded. Not told to a grant.' })),
    used: Type.Optional(
      Type.Integer({ description: 'Of quota_exceeded: how much of it is used. Not told to a grant.' }),
    ),
    remaining: Type.Optional(
      Type.Integer({ description: 'Of quota_exceeded: how much of it is left. Not told to a grant.' }),
    ),
    scope: Type.Optional(Type.String({ description: 'Of insufficient_scope: what is needed.' })),
    state: Type.Optional(
      Type.Unsafe<Static<typeof State>>({ allOf: [State], description: 'Of state_conflict: the slot’s.' }),
    ),
  },
  { $id: 'Problem', additionalProperties: true, description: 'RFC 9457.' },
);

export const UploadParams = Type.Object({ id: Id });
export const ListQuery = Type.Object(
  {
    state: Type.Optional(State),
    cursor: Type.Optional(Type.String({ pattern: UUID, description: 'nextCursor of the page before.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 50 })),
  },
  closed,
);
export type ListQuery = Static<typeof ListQuery>;

export const CreateHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[!-~]{1,255}$',
      description: 'Any unique text of visible ASCII. The same key and body within 24 h gives the same slot.',
    }),
  ),
});

/** Registered by `$id`, so that the document has names people can generate code from. */
export const NAMED_SCHEMAS: readonly TSchema[] = [
  ...FIELD_SCHEMAS,
  CreateUpload,
  Empty,
  CreateDownload,
  PutRequest,
  PostRequest,
  MultipartRequest,
  UploadRequest,
  DownloadRequest,
  Slot,
  SlotPage,
  CreateBatch,
  Batch,
  ...PART_SCHEMAS,
  ...GRANT_SCHEMAS,
  ...CONTENT_SCHEMAS,
  ...EVENT_SCHEMAS,
  UploadEvent,
  Problem,
];
