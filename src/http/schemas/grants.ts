import { Type, type Static } from 'typebox';
import { CONTENT_TYPE_GLOB } from '../../access/media-type.ts';
import { closed, Id, MAX_INTEGER, Metadata, Method, textMap, Time, UUID } from './fields.ts';

const MaxSizeBytes = Type.Integer({
  minimum: 1,
  maximum: MAX_INTEGER,
  description: 'The largest file, in bytes; as the tenant’s policy where there is none.',
  examples: [20_000_000],
});
const ContentTypes = Type.Array(
  Type.String({
    maxLength: 255,
    pattern: CONTENT_TYPE_GLOB,
    description: 'a lower-case media type such as image/png, or image/*, or *',
  }),
  {
    minItems: 1,
    maxItems: 50,
    uniqueItems: true,
    description: 'What may be announced; as the tenant’s policy where there are none.',
    // Else /docs makes one from the pattern, which nobody can read.
    examples: [['image/*', 'application/pdf']],
  },
);
const Methods = Type.Array(Method, {
  minItems: 1,
  uniqueItems: true,
  description: 'How files may be sent; as the tenant’s policy where there are none.',
});
const Prefix = Type.String({
  minLength: 1,
  maxLength: 256,
  description:
    'Goes into the place of `{prefix}` in the tenant’s objectKeyTemplate: clean segments with one "/" between, at most 256 bytes of UTF-8.',
  examples: ['cases/4711'],
});

export const CreateGrant = Type.Object(
  {
    count: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      description: 'How many slots. One that is cancelled or rejected counts too.',
      examples: [20],
    }),
    maxSizeBytes: Type.Optional(MaxSizeBytes),
    contentTypes: Type.Optional(ContentTypes),
    methods: Type.Optional(Methods),
    prefix: Type.Optional(Prefix),
    metadata: Type.Optional(
      Type.Unsafe<Record<string, string>>({
        ...Metadata,
        description:
          'Each of its slots has these, and no other value under their names. As the metadata of a slot, with which it has 2,048 bytes together.',
      }),
    ),
    expiresInSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 604_800,
        description: 'How long it makes slots: 900, or grants.maxSeconds where that is less, unless given.',
        examples: [900],
      }),
    ),
  },
  { $id: 'CreateGrant', ...closed },
);
export type CreateGrant = Static<typeof CreateGrant>;

const FACTS = {
  id: Id,
  count: Type.Integer({ description: 'How many slots there may be.' }),
  used: Type.Integer({ description: 'How many there were.' }),
  maxSizeBytes: Type.Optional(Type.Integer({ description: 'Bytes.' })),
  contentTypes: Type.Optional(Type.Array(Type.String())),
  methods: Type.Optional(Type.Array(Method)),
  prefix: Type.Optional(Type.String()),
  metadata: Type.Optional(textMap('As sent.')),
  createdBy: Type.String({ description: 'The principal that minted it, such as key:backend.' }),
  createdAt: Time,
  expiresAt: Type.String({ format: 'date-time', description: 'From then on it makes no slots.' }),
  revokedAt: Type.Optional(Time),
};

export const Grant = Type.Object(FACTS, { $id: 'Grant' });

const MintedGrant = Type.Object(
  {
    ...FACTS,
    token: Type.String({ description: 'The bearer token, for a browser. It is told here and never again.' }),
  },
  { $id: 'MintedGrant' },
);

const GrantPage = Type.Object(
  {
    grants: Type.Array(Type.Unsafe<Static<typeof Grant>>({ $ref: 'Grant#' })),
    nextCursor: Type.Optional(Type.String({ description: 'Absent on the last page.' })),
  },
  { $id: 'GrantPage' },
);

export const GrantParams = Type.Object({ id: Id });
export const ListGrantsQuery = Type.Object(
  {
    cursor: Type.Optional(Type.String({ pattern: UUID, description: 'nextCursor of the page before.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 50 })),
  },
  closed,
);
export type ListGrantsQuery = Static<typeof ListGrantsQuery>;

export const GRANT_SCHEMAS = [CreateGrant, Grant, MintedGrant, GrantPage];
