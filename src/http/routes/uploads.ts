import { filenameProblem } from '../../access/object-key.ts';
import { InvalidRequest, type FieldError } from '../../errors.ts';
import { completeUpload } from '../../uploads/complete.ts';
import { downloadUpload } from '../../uploads/download.ts';
import { findLiveUpload } from '../../uploads/find.ts';
import { issueUpload } from '../../uploads/issue.ts';
import { requestAgain } from '../../uploads/reissue.ts';
import { rekeyUpload } from '../../uploads/rekey.ts';
import { removeUpload } from '../../uploads/remove.ts';
import { presentRequest, presentSlot } from '../present.ts';
import type { Call, Route } from '../route.ts';
import * as schemas from '../schemas.ts';

const KIB = 1024;
const METADATA_BYTES = 2048;

const create: Route = {
  method: 'POST',
  url: '/v1/uploads',
  operationId: 'createUpload',
  summary: 'Ask for an upload slot',
  scopes: ['uploads:write'],
  bodyLimitBytes: 64 * KIB,
  headers: schemas.CreateHeaders,
  body: schemas.CreateUpload,
  success: { status: 201, schema: 'Slot', description: 'The slot, with the request to send to S3.' },
  problems: [404, 409, 413, 415, 422],
  async handle({ services, principal, request, reply }) {
    const ask = request.body as schemas.CreateUpload;
    refuseUnfit(ask);
    const idempotencyKey = request.headers['idempotency-key'] as string | undefined;
    const issued = await issueUpload(services, principal, ask, idempotencyKey);
    if (issued.replayed) reply.header('idempotency-replayed', 'true');
    return reply
      .code(201)
      .header('location', `/v1/uploads/${issued.upload.id}`)
      .send(presentSlot(issued.upload, services.now(), issued.request));
  },
};

/** What a JSON schema cannot say: bytes, and well-formed Unicode. */
function refuseUnfit(ask: schemas.CreateUpload): void {
  const errors: FieldError[] = [];
  const filename = ask.filename === undefined ? undefined : filenameProblem(ask.filename);
  if (filename !== undefined) errors.push({ path: '/filename', message: filename });
  const bytes = Object.entries(ask.metadata ?? {}).reduce(
    (sum, [name, value]) => sum + name.length + value.length,
    0,
  );
  if (bytes > METADATA_BYTES) {
    errors.push({
      path: '/metadata',
      message: `must have at most ${METADATA_BYTES} bytes in all, has ${bytes}`,
    });
  }
  if (errors.length > 0) throw new InvalidRequest(errors);
}

const list: Route = {
  method: 'GET',
  url: '/v1/uploads',
  operationId: 'listUploads',
  summary: 'The tenant’s slots, newest first',
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
    const page = uploads.slice(0, limit);
    return reply.send({
      uploads: page.map((upload) => presentSlot(upload, now)),
      nextCursor: uploads.length > limit ? page.at(-1)?.id : undefined,
    });
  },
};

const get: Route = {
  method: 'GET',
  url: '/v1/uploads/:id',
  operationId: 'getUpload',
  summary: 'One slot, never its key',
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

const again: Route = {
  method: 'POST',
  url: '/v1/uploads/:id/request',
  operationId: 'requestUpload',
  summary: 'A fresh request for an issued slot',
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

const complete: Route = {
  method: 'POST',
  url: '/v1/uploads/:id/complete',
  operationId: 'completeUpload',
  summary: 'Ask S3 whether the object arrived as announced',
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

const download: Route = {
  method: 'POST',
  url: '/v1/uploads/:id/download',
  operationId: 'downloadUpload',
  summary: 'A presigned GET of an uploaded object',
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

const rekey: Route = {
  method: 'POST',
  url: '/v1/uploads/:id/rekey',
  operationId: 'rekeyUpload',
  summary: 'Write the object anew under a new customer key',
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

const remove: Route = {
  method: 'DELETE',
  url: '/v1/uploads/:id',
  operationId: 'deleteUpload',
  summary: 'Remove the object, then destroy its key',
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

function idOf(request: Call['request']): string {
  return (request.params as { id: string }).id;
}

export const uploadRoutes: readonly Route[] = [create, list, get, again, complete, download, rekey, remove];
