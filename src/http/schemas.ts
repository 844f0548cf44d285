import { Type, type Static, type TSchema } from 'typebox';
import { UPLOAD_STATES } from '../uploads/upload.ts';

const MAX_INTEGER = Number.MAX_SAFE_INTEGER;
const UUID = '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$';
const closed = { additionalProperties: false };

const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC.' });
const Id = Type.String({ pattern: UUID, description: 'UUIDv7, lower case.' });
const State = Type.Unsafe<(typeof UPLOAD_STATES)[number]>({ type: 'string', enum: [...UPLOAD_STATES] });
const Sha256 = Type.String({
  pattern: '^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$',
  description:
    'SHA-256 of the whole body, base64 of the 32 bytes (44 characters, not hex), as from `openssl dgst -sha256 -binary FILE | base64`.',
});
const ContentType = Type.String({
  maxLength: 255,
  pattern:
    '^[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(; ?[A-Za-z0-9!#$&^_.+-]+=([A-Za-z0-9!#$&^_.+\'*-]+|"[!#-~]*"))*$',
  description: 'A media type in ASCII such as application/pdf, sent and signed exactly as given.',
  examples: ['application/pdf', 'text/plain; charset=utf-8'],
});
const Metadata = Type.Unsafe<Record<string, string>>({
  type: 'object',
  propertyNames: {
    pattern: '^[a-z0-9][a-z0-9.-]{0,63}$',
    description: 'a lower-case name of letters, digits, - and ., at most 64',
  },
  additionalProperties: {
    type: 'string',
    pattern: '^[!-~]+( [!-~]+)*$',
    maxLength: 2047,
    description: 'visible ASCII, not empty, with single spaces inside only',
  },
  maxProperties: 50,
  description:
    'Signed as x-amz-meta-*. ASCII, single spaces inside a value; 2,048 bytes in all, names included.',
});
const ExpiresInSeconds = Type.Integer({
  minimum: 1,
  maximum: 604_800,
  description: 'The life of the URL; the tenant’s policy sets the bounds.',
});

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
    method: Type.Optional(Type.Unsafe<'PUT'>({ type: 'string', enum: ['PUT'], default: 'PUT' })),
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
    disposition: Type.Optional(
      Type.Unsafe<'attachment' | 'inline'>({
        type: 'string',
        enum: ['attachment', 'inline'],
        default: 'attachment',
      }),
    ),
    expiresInSeconds: Type.Optional(ExpiresInSeconds),
  },
  { $id: 'CreateDownload', ...closed },
);
export type CreateDownload = Static<typeof CreateDownload>;

const headerMap = (description: string) =>
  Type.Unsafe<Record<string, string>>({
    type: 'object',
    additionalProperties: { type: 'string' },
    description,
  });

export const UploadRequest = Type.Object(
  {
    method: Type.Unsafe<'PUT'>({ type: 'string', enum: ['PUT'] }),
    url: Type.String({ format: 'uri' }),
    headers: headerMap(
      'Exactly what the client must set, names in lower case; holds the customer key. Host and Content-Length are signed too and set by the HTTP stack.',
    ),
    expiresAt: Time,
  },
  { $id: 'UploadRequest' },
);

export const DownloadRequest = Type.Object(
  {
    method: Type.Unsafe<'GET'>({ type: 'string', enum: ['GET'] }),
    url: Type.String({ format: 'uri' }),
    headers: headerMap('Exactly what the client must set; holds the customer key.'),
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
    method: Type.Unsafe<'PUT'>({ type: 'string', enum: ['PUT'] }),
    metadata: headerMap('As sent.'),
    createdAt: Time,
    expiresAt: Type.String({ format: 'date-time', description: 'The last moment a new request is given.' }),
    uploadedAt: Type.Optional(Time),
    etag: Type.Optional(Type.String()),
    versionId: Type.Optional(Type.String()),
    keyGeneration: Type.Integer({
      description: 'Which customer key the object is under: 1, and one more a re-key.',
    }),
    rekeying: Type.Optional(Type.Boolean({ description: 'true while a re-key is under way.' })),
    request: Type.Optional(Type.Unsafe<Static<typeof UploadRequest>>({ $ref: 'UploadRequest#' })),
  },
  { $id: 'Slot' },
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
    code: Type.String({ description: 'Stable; see docs/errors.md.' }),
    detail: Type.String(),
    requestId: Type.String(),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          path: Type.String({ description: 'JSON Pointer into the body, or part/name.' }),
          message: Type.String(),
        }),
      ),
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
  CreateUpload,
  Empty,
  CreateDownload,
  UploadRequest,
  DownloadRequest,
  Slot,
  SlotPage,
  Problem,
];
