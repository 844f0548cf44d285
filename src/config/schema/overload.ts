import { Type } from 'typebox';
import { DEFAULTS } from '../defaults.ts';
import { map, optional } from './nodes.ts';

const percent = (standard: number, description: string) =>
  optional(Type.Integer({ minimum: 0, maximum: 100, default: standard, description }));

export const Overload = map(
  {
    eventLoopDelayMilliseconds: optional(
      Type.Integer({
        minimum: 0,
        maximum: 60_000,
        default: DEFAULTS.overload.eventLoopDelayMilliseconds,
        description: 'How late the process may be with its work, as the mean of a second; 0: no bound.',
      }),
    ),
    memoryPercent: percent(
      DEFAULTS.overload.memoryPercent,
      'How much of the container’s memory, or of the machine’s, the process may hold; 0: no bound.',
    ),
    heapPercent: percent(
      DEFAULTS.overload.heapPercent,
      'How much of the heap that Node allows itself may be in use; 0: no bound.',
    ),
    streams: optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000,
        default: DEFAULTS.overload.streams,
        description:
          'How many objects this process streams at a time; of one slot, a tenth of it. Each holds a connection to S3.',
      }),
    ),
  },
  {
    description:
      'From when on this process turns new requests away with 503 `overloaded`: [limits](limits.md#overload). What it has begun it finishes.',
  },
);
