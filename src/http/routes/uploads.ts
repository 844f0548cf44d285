import type { FastifyRequest } from 'fastify';
import { InvalidRequest } from '../../errors.ts';
import { completeUpload } from '../../uploads/complete.ts';
import { downloadUpload } from '../../uploads/download.ts';
import { findLiveUpload } from '../../uploads/find.ts';
import { issueUpload } from '../../uploads/issue.ts';
import { requestAgain } from '../../uploads/reissue.ts';
import { rekeyUpload } from '../../uploads/rekey.ts';
import { removeUpload } from '../../uploads/remove.ts';
import { ownPath } from '../own-path.ts';
import { pageOf } from '../page-of.ts';
import { presentRequest, presentSlot } from '../present.ts';
import type { ScopedRoute } from '../route.ts';
import * as schemas from '../schemas.ts';
import { unfit } from '../unfit.ts';

const KIB = 1024;

const create: ScopedRoute = {
  method: 'POST',
  url: '/v1/uploads',
  operationId: 'createUpload',
  summary: 'Ask for an upload slot',
  tag: 'uploads',
  scopes: ['uploads:write'],
  bodyLimitBytes: 64 * KIB,
  headers: schemas.CreateHeaders,
  body: schemas.CreateUpload,
  success: {
    status: 201,
    schema: 'Slot',
    description: 'The slot, with the request to send to S3.',
    headers: { 201: ['Location', 'Idempotency-Replayed'] },
  },
  problems: [404, 409, 413, 415, 422],
  async handle({ services, principal, request, reply }) {
    const ask = request.body as schemas.CreateUpload;
    const errors = unfit(ask);
    if (errors.length > 0) throw new InvalidRequest(errors);
    const idempotencyKey = request.headers['idempotency-key'] as string | undefined;
    const issued = await issueUpload(services, principal, ask, idempotencyKey);
    if (issued.replayed) reply.header('idempotency-replayed', 'true');
    return reply
      .code(201)
      .header('location', ownPath(request, `/v1/uploads/${issued.upload.id}`))
      .send(presentSlot(issued.upload, services.now(), issued.request));
  },
};

const list: ScopedRoute = {
  method: 'GET',
  url: '/v1/uploads',
  operationId: 'listUploads',
  summary: 'The tenant’s slots, newest first',
  tag: 'uploads',
  scopes: ['uploads:read'],
  bodyLimitBytes: KIB,
  query: schemas.ListQuery,
  success: { status: 200, schema: 'SlotPage', description: 'One page. Tombstones only by state=deleted.' },
  problems: [],
  async handle({ services, principal, request, reply }) {
    const { state, cursor, limit = 50 } = request.query as schemas.ListQuery;
    const now = services.now();
    const uploads = await services.store.uploads.list(principal.tenant, {
      ...(state !== undefined && { state }),
      ...(cursor !== undefined && { before: cursor }),
      limit: limit + 1,
      now,
    });
    const { page, nextCursor } = pageOf(uploads, limit);
    return reply.send({ uploads: page.map((upload) => presentSlot(upload, now)), nextCursor });
  },
};

const get: ScopedRoute = {
  method: 'GET',
  url: '/v1/uploads/:id',
  operationId: 'getUpload',
  summary: 'One slot, never its key',
  tag: 'uploads',
  scopes: ['uploads:read'],
  bodyLimitBytes: KIB,
  params: schemas.UploadParams,
  success: { status: 200, schema: 'Slot', description: 'The slot.' },
  problems: [404],
  async handle({ services, principal, request, reply }) {
    const upload = await findLiveUpload(services, principal, idOf(request));
    return reply.send(presentSlot(upload, services.now()));
  },
};

const again: ScopedRoute = {
  method: 'POST',
  url: '/v1/uploads/:id/request',
  operationId: 'requestUpload',
  summary: 'A fresh request for an issued slot',
  tag: 'uploads',
  scopes: ['uploads:write'],
  bodyLimitBytes: 64 * KIB,
  emptyBodyAllowed: true,
  params: schemas.UploadParams,
  body: schemas.Empty,
  success: { status: 200, schema: 'Slot', description: 'The slot, with a new URL under the same key.' },
  problems: [404, 409, 413, 415],
  async handle({ services, principal, request, reply }) {
    const found = await findLiveUpload(services, principal, idOf(request));
    const { upload, request: put } = await requestAgain(services, principal, found);
    return reply.send(presentSlot(upload, services.now(), put));
  },
};

const complete: ScopedRoute = {
  method: 'POST',
  url: '/v1/uploads/:id/complete',
  operationId: 'completeUpload',
  summary: 'Ask S3 whether the object arrived as announced',
  tag: 'uploads',
  scopes: ['uploads:write'],
  bodyLimitBytes: 64 * KIB,
  emptyBodyAllowed: true,
  params: schemas.UploadParams,
  body: schemas.Empty,
  success: { status: 200, schema: 'Slot', description: 'The slot, uploaded. Repeatable.' },
  problems: [404, 409, 413, 415, 422],
  async handle({ services, principal, request, reply }) {
    const found = await findLiveUpload(services, principal, idOf(request));
    return reply.send(presentSlot(await completeUpload(services, found), services.now()));
  },
};

const download: ScopedRoute = {
  method: 'POST',
  url: '/v1/uploads/:id/download',
  operationId: 'downloadUpload',
  summary: 'A presigned GET of an uploaded object',
  tag: 'uploads',
  scopes: ['objects:read'],
  bodyLimitBytes: 64 * KIB,
  emptyBodyAllowed: true,
  params: schemas.UploadParams,
  body: schemas.CreateDownload,
  success: {
    status: 200,
    schema: 'DownloadRequest',
    description: 'URL and headers; they hold the customer key.',
  },
  problems: [404, 409, 413, 415],
  async handle({ services, principal, request, reply }) {
    const found = await findLiveUpload(services, principal, idOf(request));
    return reply.send(
      presentRequest(await downloadUpload(services, found, request.body as schemas.CreateDownload)),
    );
  },
};

const rekey: ScopedRoute = {
  method: 'POST',
  url: '/v1/uploads/:id/rekey',
  operationId: 'rekeyUpload',
  summary: 'Write the object anew under a new customer key',
  tag: 'uploads',
  scopes: ['keys:rotate'],
  bodyLimitBytes: 64 * KIB,
  emptyBodyAllowed: true,
  params: schemas.UploadParams,
  body: schemas.Empty,
  success: {
    status: 202,
    schema: 'Slot',
    description: 'rekeying until the object is proven under its new key. Repeatable meanwhile.',
  },
  problems: [404, 409, 413, 415],
  async handle({ services, principal, request, reply }) {
    const upload = await rekeyUpload(services, principal, idOf(request));
    return reply.code(202).send(presentSlot(upload, services.now()));
  },
};

const remove: ScopedRoute = {
  method: 'DELETE',
  url: '/v1/uploads/:id',
  operationId: 'deleteUpload',
  summary: 'Remove the object, then destroy its key',
  tag: 'uploads',
  scopes: ['objects:delete', 'uploads:write'],
  bodyLimitBytes: KIB,
  params: schemas.UploadParams,
  success: {
    status: 202,
    schema: 'Slot',
    description: 'deleting until the absence is proven, then deleted. Repeatable.',
  },
  problems: [404, 409],
  async handle({ services, principal, request, reply }) {
    const upload = await removeUpload(services, principal, idOf(request));
    return reply.code(202).send(presentSlot(upload, services.now()));
  },
};

export function idOf(request: FastifyRequest): string {
  return (request.params as { id: string }).id;
}

export const uploadRoutes: readonly ScopedRoute[] = [
  create,
  list,
  get,
  again,
  complete,
  download,
  rekey,
  remove,
];
