import { Type } from 'typebox';
import { map, optional } from './nodes.ts';

const requestsPerMinute = (whose: string) =>
  optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000_000,
      description: `How many requests ${whose} in a minute, over all replicas; the minute begins with the first of them.`,
    }),
  );

const quotas = (whose: string) => ({
  openSlots: optional(
    Type.Integer({
      minimum: 1,
      // Counted for each new slot: see docs/limits.md.
      maximum: 100_000,
      description: `How many slots ${whose} may have open at once: \`issued\`, and not over.`,
    }),
  ),
  bytesPerDay: optional(
    Type.Integer({
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: `How many bytes ${whose} may announce in a day of UTC. What is not sent, or deleted, counts all the same.`,
    }),
  ),
});

export const Limits = map(
  {
    tenant: optional(
      map(
        { requestsPerMinute: requestsPerMinute('the tenant may make'), ...quotas('the tenant') },
        { description: 'Of all its principals together.' },
      ),
    ),
    principal: optional(
      map(
        { requestsPerMinute: requestsPerMinute('one caller may make'), ...quotas('one principal') },
        {
          description:
            'Of each: an API key by its name, a JWT’s `sub`. The slots of a grant count for who minted it; its requests count for itself.',
        },
      ),
    ),
    links: optional(
      map(
        { requestsPerMinute: requestsPerMinute('may come by one tenant’s links') },
        { description: 'Of those who have only a link. They count for nobody else.' },
      ),
    ),
  },
  { description: 'What a tenant may use up, none unless set: [limits](limits.md).' },
);
