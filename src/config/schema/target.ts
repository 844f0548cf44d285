import { Type } from 'typebox';
import { credentials } from './credentials.ts';
import { DEFAULTS } from '../defaults.ts';
import { file, map, optional, timeoutSeconds, url } from './nodes.ts';

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
      'What the service asks S3 and signs downloads with, and uploads too unless `uploadCredentials` are set. Every URL works with the rights of what signed it, so they should be no wider than needed.',
    ),
    uploadCredentials: optional(
      credentials(
        'What the URLs and forms of uploads are signed with; `credentials` unless set. They need `s3:PutObject` on the objects and no right to read. Needed for servers on which a client can turn an upload into a copy by a header that nobody signed, as on MinIO: see SECURITY.md.',
      ),
    ),
    timeoutSeconds: optional(
      timeoutSeconds({
        default: DEFAULTS.s3.timeoutSeconds,
        description:
          'How long a call that S3 answers at once may take, all attempts together: then whoever waits for it is answered 503. Copies and what puts parts together have longer, and bodies once they have begun.',
      }),
    ),
  },
  {
    description:
      'An S3 server, under a name that tenants refer to. A new target, or another setting of one than its `credentials` and `uploadCredentials`, needs a restart.',
  },
);
