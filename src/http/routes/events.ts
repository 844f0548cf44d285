import { takeEvents } from '../../events/intake.ts';
import type { ScopedRoute } from '../route.ts';
import { S3Events } from '../schemas/events.ts';

const KIB = 1024;

const take: ScopedRoute = {
  method: 'POST',
  url: '/v1/events/s3',
  operationId: 'takeS3Events',
  summary: 'S3 tells that objects were made',
  tag: 'events',
  scopes: ['events:write'],
  bodyLimitBytes: 256 * KIB,
  body: S3Events,
  success: {
    status: 202,
    schema: 'Accepted',
    description: 'Each slot meant is looked at by a HEAD with its key; nothing in an event is believed.',
  },
  problems: [413, 415],
  async handle({ services, principal, request, reply }) {
    const hints = await takeEvents(services, principal, request.body);
    request.served.hints = hints;
    return reply.code(202).send({ hints });
  },
};

export const eventRoutes = [take] as const;
