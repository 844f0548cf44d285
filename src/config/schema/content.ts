import { Type } from 'typebox';
import { DEFAULTS } from '../defaults.ts';
import { file, map, optional, SECONDS, url } from './nodes.ts';

export const Content = map(
  {
    origin: optional(
      url({
        description:
          'Where links lead, such as `https://usercontent.example.com`: an origin of its own, by the same proxy, keeps what users uploaded apart from your pages. Links are then answered under this host only.',
      }),
    ),
    linkSecretFiles: optional(
      Type.Array(file({ description: 'A secret of at least 32 characters.' }), {
        uniqueItems: true,
        description:
          'What links are signed with. The first signs, all verify: to rotate, put the new one first, and take the old one out an hour later. Without one there are no links.',
      }),
    ),
    linkSeconds: optional(
      map({
        default: optional(
          Type.Integer({
            ...SECONDS,
            default: DEFAULTS.content.linkSeconds.default,
            description: 'The life of a link when the client does not ask.',
          }),
        ),
        max: optional(
          Type.Integer({
            ...SECONDS,
            default: DEFAULTS.content.linkSeconds.max,
            description: 'The longest life. Whoever has a link has the object until it ends.',
          }),
        ),
      }),
    ),
    inlineTypes: optional(
      Type.Array(
        Type.String({
          pattern: '^[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+$',
          says: 'must be a lower-case media type such as image/png',
        }),
        {
          uniqueItems: true,
          default: DEFAULTS.content.inlineTypes,
          description:
            'What a browser may show in place when asked to. All else is an attachment. Never add HTML, SVG or XML: they hold scripts.',
        },
      ),
    ),
  },
  { description: 'Objects that are streamed through the service, and links to them.' },
);
