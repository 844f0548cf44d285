import { Type, type Static } from 'typebox';
import { closed, Disposition, Time } from './fields.ts';

export const CreateLink = Type.Object(
  {
    disposition: Type.Optional(Disposition),
    expiresInSeconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 604_800, description: 'The life of the link, within bounds.' }),
    ),
  },
  { $id: 'CreateLink', ...closed },
);
export type CreateLink = Static<typeof CreateLink>;

const Link = Type.Object(
  {
    url: Type.String({
      format: 'uri-reference',
      description: 'Absolute where content.origin is configured.',
    }),
    expiresAt: Time,
  },
  { $id: 'Link' },
);

const Content = Type.Unsafe<Uint8Array>({
  $id: 'Content',
  type: 'string',
  format: 'binary',
  description: 'The object.',
});

export const ContentQuery = Type.Object({ disposition: Type.Optional(Disposition) }, closed);
export type ContentQuery = Static<typeof ContentQuery>;

export const LinkParams = Type.Object({ link: Type.String({ pattern: '^[A-Za-z0-9_.-]{1,1000}$' }) });

export const ContentHeaders = Type.Object({
  range: Type.Optional(Type.String({ description: 'RFC 9110; answered as S3 answers it.' })),
  'if-none-match': Type.Optional(Type.String()),
});

export const CONTENT_SCHEMAS = [CreateLink, Link, Content];
