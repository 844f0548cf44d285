import { Type } from 'typebox';
import { credentials } from './credentials.ts';
import { file, map, optional, url } from './nodes.ts';

export const Target = map(
  {
    endpoint: url({
      description: 'Where the service reaches S3. Only `https`: keys travel in the headers of every request.',
    }),
    publicEndpoint: optional(
      url({
        description:
          'What URLs name when clients reach S3 by another address; the same as `endpoint` unless set. The host is signed, so a proxy in between must keep it.',
      }),
    ),
    region: Type.String({
      pattern: '^[A-Za-z0-9-]+$',
      says: 'must be a region such as eu-central-1',
      description: 'The region that signatures name. Servers other than AWS mostly take `us-east-1`.',
    }),
    pathStyle: optional(
      Type.Boolean({
        default: false,
        description:
          'Whether the bucket stands in the path instead of the host: `true` for most servers other than AWS.',
      }),
    ),
    caFile: optional(
      file({
        description:
          'PEM certificates to trust beside the usual ones, for an S3 server whose certificate is of a private CA. Clients need the same CA.',
      }),
    ),
    credentials: credentials(
      'What the service signs and asks S3 with. Every URL works with these same rights, so they should be no wider than needed.',
    ),
  },
  {
    description:
      'An S3 server, under a name that tenants refer to. A new target, or another setting of one than its credentials, needs a restart.',
  },
);
