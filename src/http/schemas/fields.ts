import { Type } from 'typebox';
import { UPLOAD_METHODS, UPLOAD_STATES, type UploadMethod } from '../../uploads/upload.ts';

export const MAX_INTEGER = Number.MAX_SAFE_INTEGER;
export const UUID = '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$';
export const closed = { additionalProperties: false };

export const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC.' });
export const Id = Type.String({ pattern: UUID, description: 'UUIDv7, lower case.' });
export const State = Type.Unsafe<(typeof UPLOAD_STATES)[number]>({
  type: 'string',
  enum: [...UPLOAD_STATES],
});
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
export const Method = Type.Unsafe<UploadMethod>({
  type: 'string',
  enum: [...UPLOAD_METHODS],
  description:
    'PUT: one request, up to 5 GiB. multipart: parts, up to 48.8 TiB, can be resumed. POST: a form for plain HTML, where the policy allows it.',
});
export const PartNumber = Type.Integer({ minimum: 1, maximum: 10_000 });

export const Mismatch = Type.Object({
  field: Type.String(),
  expected: Type.Unsafe<string | number | null>({ type: ['string', 'number', 'null'] }),
  actual: Type.Unsafe<string | number | null>({ type: ['string', 'number', 'null'] }),
});

export const textMap = (description: string) =>
  Type.Unsafe<Record<string, string>>({
    type: 'object',
    additionalProperties: { type: 'string' },
    description,
  });
