import type { Principal } from '../../access/principal.ts';
import { InsufficientScope } from '../../errors.ts';
import { findLiveUpload } from '../../uploads/find.ts';
import { listParts, requestParts } from '../../uploads/parts.ts';
import type { Upload } from '../../uploads/upload.ts';
import { presentPart } from '../present.ts';
import type { ScopedRoute } from '../route.ts';
import { CreateParts } from '../schemas/parts.ts';
import * as schemas from '../schemas.ts';
import { idOf } from './uploads.ts';

const KIB = 1024;
const url = '/v1/uploads/:id/parts';

const request: ScopedRoute = {
  method: 'POST',
  url,
  operationId: 'requestParts',
  summary: 'Requests for parts of a multipart upload',
  tag: 'uploads',
  scopes: ['uploads:write'],
  bodyLimitBytes: 64 * KIB,
  params: schemas.UploadParams,
  body: CreateParts,
  success: { status: 200, schema: 'PartRequests', description: 'One presigned PUT for each part.' },
  problems: [404, 409, 413, 415],
  async handle({ services, principal, request, reply }) {
    const upload = await findLiveUpload(services, principal, idOf(request));
    const parts = await requestParts(services, principal, upload, request.body as CreateParts);
    return reply.send({ parts: parts.map(presentPart) });
  },
};

const list: ScopedRoute = {
  method: 'GET',
  url,
  operationId: 'listParts',
  summary: 'The parts that S3 has',
  tag: 'uploads',
  scopes: ['uploads:read', 'uploads:write'],
  bodyLimitBytes: KIB,
  params: schemas.UploadParams,
  success: { status: 200, schema: 'Parts', description: 'To resume on this or another device.' },
  problems: [404, 409],
  async handle({ services, principal, request, reply }) {
    const upload = await findLiveUpload(services, principal, idOf(request));
    requireReader(principal, upload);
    const parts = await listParts(services, upload);
    return reply.send({ parts: parts.map(({ partNumber, size, etag }) => ({ partNumber, size, etag })) });
  },
};

/** `uploads:read` may list any slot's parts; its maker may list those of its own, which it needs to resume. */
function requireReader(principal: Principal, upload: Upload): void {
  const isMakers = upload.principal === principal.id && upload.state === 'issued';
  if (!isMakers && !principal.scopes.has('uploads:read')) throw new InsufficientScope('uploads:read');
}

export const partRoutes = [request, list] as const;
