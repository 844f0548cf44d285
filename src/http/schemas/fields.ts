import { Type, type Static } from 'typebox';
import { UPLOAD_METHODS, UPLOAD_STATES, type UploadMethod } from '../../uploads/upload.ts';

export const MAX_INTEGER = Number.MAX_SAFE_INTEGER;
export const UUID = '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$';
export const closed = { additionalProperties: false };

export const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC.' });
export const Id = Type.String({ pattern: UUID, description: 'UUIDv7, lower case.' });
type UploadState = (typeof UPLOAD_STATES)[number];
const SlotState = Type.Unsafe<UploadState>({ $id: 'SlotState', type: 'string', enum: [...UPLOAD_STATES] });
export const State = Type.Unsafe<UploadState>({ $ref: 'SlotState#' });
export const Sha256 = Type.String({
  pattern: '^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$',
  description:
    'SHA-256 of the whole body, base64 of the 32 bytes (44 characters, not hex), as from `openssl dgst -sha256 -binary FILE | base64`.',
});
export const ContentType = Type.String({
  maxLength: 255,
  pattern:
    '^[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(; ?[A-Za-z0-9!#$&^_.+-]+=([A-Za-z0-9!#$&^_.+\'*-]+|"[!#-~]*"))*$',
  description: 'A media type in ASCII such as application/pdf, sent and signed exactly as given.',
  examples: ['application/pdf', 'text/plain; charset=utf-8'],
});
export const Metadata = Type.Unsafe<Record<string, string>>({
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
export const ExpiresInSeconds = Type.Integer({
  minimum: 1,
  maximum: 604_800,
  description: 'The life of the URL; the tenant’s policy sets the bounds.',
});
export const Crc32c = Type.String({
  pattern: '^[A-Za-z0-9+/]{5}[AQgw]==$',
  description: 'CRC-32C of the whole body, base64 of its 4 bytes, big-endian (8 characters).',
});
export const Crc64nvme = Type.String({
  pattern: '^[A-Za-z0-9+/]{10}[AEIMQUYcgkosw048]=$',
  description: 'CRC-64/NVME of the whole body, base64 of its 8 bytes, big-endian (12 characters).',
});
const UploadMethods = Type.Unsafe<UploadMethod>({
  $id: 'UploadMethod',
  type: 'string',
  enum: [...UPLOAD_METHODS],
  description:
    'PUT: one request, up to 5 GiB. multipart: parts, up to 48.8 TiB, can be resumed. POST: a form for plain HTML, where the policy allows it.',
});
export const Method = Type.Unsafe<UploadMethod>({ $ref: 'UploadMethod#' });
export const PartNumber = Type.Integer({ minimum: 1, maximum: 10_000 });

type Value = string | number | null;
const MismatchOf = Type.Object(
  {
    field: Type.String(),
    expected: Type.Unsafe<Value>({ type: ['string', 'number', 'null'] }),
    actual: Type.Unsafe<Value>({ type: ['string', 'number', 'null'] }),
  },
  { $id: 'Mismatch' },
);
export const Mismatch = Type.Unsafe<Static<typeof MismatchOf>>({ $ref: 'Mismatch#' });

const Dispositions = Type.Unsafe<'attachment' | 'inline'>({
  $id: 'Disposition',
  type: 'string',
  enum: ['attachment', 'inline'],
  default: 'attachment',
  description:
    'Of content and links, inline is honoured for media types that the operator lists; all else stays an attachment.',
});
export const Disposition = Type.Unsafe<'attachment' | 'inline'>({ $ref: 'Disposition#' });

const FieldErrorOf = Type.Object(
  {
    path: Type.String({ description: 'JSON Pointer into the body, or part/name.' }),
    message: Type.String(),
  },
  { $id: 'FieldError' },
);
export const FieldError = Type.Unsafe<Static<typeof FieldErrorOf>>({ $ref: 'FieldError#' });

/** What more than one schema has: named, so that a generated client has one type for it. */
export const FIELD_SCHEMAS = [SlotState, UploadMethods, MismatchOf, Dispositions, FieldErrorOf];

export const textMap = (description: string) =>
  Type.Unsafe<Record<string, string>>({
    type: 'object',
    additionalProperties: { type: 'string' },
    description,
  });
