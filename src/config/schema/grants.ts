import { Type } from 'typebox';
import { DEFAULTS } from '../defaults.ts';
import { file, map, optional } from './nodes.ts';

export const Grants = map(
  {
    secretFiles: Type.Array(file({ description: 'A secret of at least 32 characters.' }), {
      minItems: 1,
      uniqueItems: true,
      description:
        'What grants are signed with. The first signs, all verify: to rotate, put the new one first, and take the old one out when the grants of before have ended, `maxSeconds` and `slotSeconds` later.',
    }),
    maxSeconds: optional(
      Type.Integer({
        minimum: 1,
        maximum: 604_800,
        default: DEFAULTS.grants.maxSeconds,
        description:
          'The longest time in which a grant makes slots; 15 minutes, or this where it is shorter, when nothing is asked for. What a grant began, it may finish while the slot is `issued`.',
      }),
    ),
  },
  {
    description:
      'Short-lived tokens by which browsers without a JWT get slots, minted by your backend. Left out, there are none.',
  },
);
