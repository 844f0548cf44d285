import { RangeNotSatisfiable, RouteNotFound } from '../../errors.ts';
import { followLink, linkTo, openContent } from '../../uploads/content.ts';
import { findLiveUpload } from '../../uploads/find.ts';
import type { Services } from '../../uploads/services.ts';
import type { Upload } from '../../uploads/upload.ts';
import { isInline, sendContent } from '../content-reply.ts';
import { ownPath } from '../own-path.ts';
import { rfc3339 } from '../../rfc3339.ts';
import type { Call, LinkCall, LinkRoute, ScopedRoute } from '../route.ts';
import * as content from '../schemas/content.ts';
import * as schemas from '../schemas.ts';
import { idOf } from './uploads.ts';

const KIB = 1024;
const SUCCESS = {
  status: 200,
  schema: 'Content',
  // Whatever the object is; the first one is for generators of clients, which know no `*/*`.
  mediaTypes: ['application/octet-stream', '*/*'],
  description: 'The object, in its own type.',
  others: { 206: 'The range of it that was asked for.', 304: 'The caller has it already.' },
  headers: { 200: ['ETag'], 206: ['ETag', 'Content-Range'], 304: ['ETag'] },
} as const;

async function send(
  { services, request, reply }: Pick<Call, 'services' | 'request' | 'reply'>,
  upload: Upload,
  ask: { disposition: 'attachment' | 'inline'; embeddable: boolean },
) {
  const left = new AbortController();
  reply.raw.once('close', () => left.abort());
  // Of one that left while its slot was looked for nothing more is heard.
  if (reply.raw.destroyed) left.abort();
  const opened = await openContent(
    services,
    upload,
    {
      method: request.method === 'HEAD' ? 'HEAD' : 'GET',
      range: request.headers.range,
      ifNoneMatch: request.headers['if-none-match'],
    },
    left.signal,
  );
  if (opened.status === 416) {
    // Not all servers say it.
    reply.header('content-range', opened.contentRange ?? `bytes */${upload.size}`);
    throw new RangeNotSatisfiable('The object has no such range.');
  }
  const inline =
    ask.disposition === 'inline' && isInline(services.config.content.inlineTypes, upload.contentType);
  return sendContent(reply, upload, opened, { inline, embeddable: ask.embeddable && inline });
}

const read: Omit<ScopedRoute, 'method' | 'operationId' | 'summary'> = {
  url: '/v1/uploads/:id/content',
  tag: 'content',
  scopes: ['objects:read'],
  bodyLimitBytes: KIB,
  params: schemas.UploadParams,
  query: content.ContentQuery,
  headers: content.ContentHeaders,
  success: SUCCESS,
  problems: [404, 409, 416],
  async handle(call) {
    const upload = await findLiveUpload(call.services, call.principal, idOf(call.request));
    const { disposition = 'attachment' } = call.request.query as content.ContentQuery;
    return send(call, upload, { disposition, embeddable: false });
  },
};

const follow: Omit<LinkRoute, 'method' | 'operationId' | 'summary'> = {
  url: '/v1/content/:link',
  tag: 'content',
  scopes: 'link',
  bodyLimitBytes: KIB,
  params: content.LinkParams,
  headers: content.ContentHeaders,
  success: SUCCESS,
  problems: [404, 416],
  async handle(call: LinkCall) {
    requireOrigin(call);
    const upload = await followLink(call.services, call.link);
    return send(call, upload, { disposition: call.link.disposition, embeddable: true });
  },
};

/** Where links have an origin of their own, no other shows what users uploaded. */
function requireOrigin({ services, request }: LinkCall): void {
  const { origin } = services.config.content;
  if (origin !== undefined && request.host.toLowerCase() !== origin.host) {
    throw new RouteNotFound(`There is no such path; see ${ownPath(request, '/openapi.json')}.`);
  }
}

const link: ScopedRoute = {
  method: 'POST',
  url: '/v1/uploads/:id/links',
  operationId: 'createLink',
  summary: 'A short-lived link to the content',
  tag: 'content',
  scopes: ['objects:read'],
  bodyLimitBytes: 64 * KIB,
  emptyBodyAllowed: true,
  params: schemas.UploadParams,
  body: content.CreateLink,
  success: { status: 201, schema: 'Link', description: 'Whoever has it has the object until it ends.' },
  problems: [404, 409, 413, 415, 501],
  async handle({ services, principal, request, reply }) {
    const upload = await findLiveUpload(services, principal, idOf(request));
    const { text, expiresAt } = await linkTo(services, upload, request.body as content.CreateLink);
    return reply.code(201).send({
      url: linkUrl(services, ownPath(request, `/v1/content/${text}`)),
      expiresAt: rfc3339(expiresAt),
    });
  },
};

function linkUrl({ config }: Services, path: string): string {
  return config.content.origin === undefined ? path : new URL(path, config.content.origin).href;
}

export const contentRoutes = [
  { ...read, method: 'GET', operationId: 'readContent', summary: 'The object, streamed through the service' },
  { ...read, method: 'HEAD', operationId: 'headContent', summary: 'The same without the object' },
  link,
  { ...follow, method: 'GET', operationId: 'readLink', summary: 'The object that a link opens' },
  { ...follow, method: 'HEAD', operationId: 'headLink', summary: 'The same without the object' },
] as const satisfies readonly (ScopedRoute | LinkRoute)[];
