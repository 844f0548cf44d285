import { Type } from 'typebox';
import { UPLOAD_EVENTS } from '../../store/port.ts';
import { file, map, optional, text, url } from './nodes.ts';

export const Webhook = map(
  {
    url: url({
      description:
        'Where messages are POSTed; only `https`. Redirects are not followed, and an address that is not public is refused unless `allowedAddresses` has it.',
    }),
    secretFiles: Type.Array(
      file({ description: 'One secret: `whsec_` and the base64 of 24 to 64 random bytes.' }),
      {
        minItems: 1,
        uniqueItems: true,
        description:
          'What messages are signed with, by Standard Webhooks. To rotate, put the new one first, and take the old one out when the receiver knows the new one: each signs every message.',
      },
    ),
    events: optional(
      Type.Array(Type.Enum([...UPLOAD_EVENTS]), {
        minItems: 1,
        uniqueItems: true,
        default: [...UPLOAD_EVENTS],
        description: 'Which events are told.',
      }),
    ),
    allowedAddresses: optional(
      Type.Array(text({ description: 'A range such as `10.1.0.0/16` or `fd00::/8`.' }), {
        default: [],
        description:
          'Private, loopback or link-local ranges that the host may resolve to. Keep them narrow: whoever sets the URL reaches what lies there.',
      }),
    ),
    caFile: optional(
      file({
        description: 'PEM certificates to trust beside the usual ones, for a receiver of a private CA.',
      }),
    ),
  },
  { description: 'Who is told what becomes of this tenant’s slots, under a name of your own.' },
);
