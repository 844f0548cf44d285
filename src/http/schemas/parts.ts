import { Type, type Static } from 'typebox';
import { closed, PartNumber, textMap, Time } from './fields.ts';

export const CreateParts = Type.Object(
  {
    partNumbers: Type.Array(PartNumber, {
      minItems: 1,
      maxItems: 100,
      uniqueItems: true,
      description: 'Which parts; each may be asked for again.',
    }),
    checksums: Type.Optional(
      Type.Unsafe<Record<string, string>>({
        type: 'object',
        propertyNames: { pattern: '^[1-9][0-9]{0,4}$', description: 'a part number' },
        additionalProperties: {
          type: 'string',
          pattern: '^([A-Za-z0-9+/]{6}==|[A-Za-z0-9+/]{11}=)$',
          description: 'base64 of the checksum',
        },
        maxProperties: 100,
        description:
          'By part number, of the kind announced for the whole: needed for each part where crc32c or crc64nvme was, and refused where none was. Signed: S3 refuses any other bytes.',
      }),
    ),
  },
  { $id: 'CreateParts', ...closed },
);
export type CreateParts = Static<typeof CreateParts>;

const PartRequest = Type.Object(
  {
    partNumber: PartNumber,
    size: Type.Integer({ description: 'Bytes, exactly.' }),
    method: Type.Unsafe<'PUT'>({ type: 'string', enum: ['PUT'] }),
    url: Type.String({ format: 'uri' }),
    headers: textMap('Exactly what the client must set; holds the customer key.'),
    expiresAt: Time,
  },
  { $id: 'PartRequest' },
);

const PartRequests = Type.Object(
  { parts: Type.Array(Type.Unsafe<Static<typeof PartRequest>>({ $ref: 'PartRequest#' })) },
  { $id: 'PartRequests' },
);

const Part = Type.Object(
  { partNumber: PartNumber, size: Type.Integer({ description: 'Bytes.' }), etag: Type.String() },
  { $id: 'Part' },
);

const Parts = Type.Object(
  {
    parts: Type.Array(Type.Unsafe<Static<typeof Part>>({ $ref: 'Part#' }), {
      description: 'What S3 has, by part number. One of another size than asked for counts as missing.',
    }),
  },
  { $id: 'Parts' },
);

export const PART_SCHEMAS = [CreateParts, PartRequest, PartRequests, Part, Parts];
