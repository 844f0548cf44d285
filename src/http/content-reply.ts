import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { OpenedObject } from '../s3/port.ts';
import { disposition } from '../uploads/download.ts';
import type { Upload } from '../uploads/upload.ts';

/**
 * What a user uploaded is hostile: it may be a page with scripts that was called an image. So it is never sniffed, is an attachment
 * unless its type is listed and the caller wants it shown, and runs nothing where it is shown all the same.
 */
const HARMLESS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'private, no-store',
};

const LOADS = "default-src 'none'; style-src 'unsafe-inline'; media-src 'self'; img-src 'self'";
const NOBODY = `sandbox; ${LOADS}`;
/**
 * The page that a browser makes around a film or a sound asks for it again, and as nobody it would be refused. Scripts run in neither.
 */
const ITS_ORIGIN = `sandbox allow-same-origin; ${LOADS}`;

/** Sends S3's answer on, with headers of ours only. */
export function sendContent(
  reply: FastifyReply,
  upload: Upload,
  opened: OpenedObject,
  shown: { readonly inline: boolean; readonly embeddable: boolean },
): FastifyReply {
  reply.code(opened.status).headers(HARMLESS);
  const isPlayed = shown.inline && /^(audio|video)\//i.test(upload.contentType);
  reply.header('content-security-policy', isPlayed ? ITS_ORIGIN : NOBODY);
  reply.header('cross-origin-resource-policy', shown.embeddable ? 'cross-origin' : 'same-origin');
  reply.header('accept-ranges', 'bytes');
  if (opened.status === 304) {
    if (opened.etag !== null) reply.header('etag', opened.etag);
    return reply.send();
  }
  if (opened.status === 416) throw new TypeError('a 416 is a problem, not content');
  reply
    .type(upload.contentType)
    .header('content-length', opened.size)
    .header('content-disposition', disposition(shown.inline ? 'inline' : 'attachment', upload.filename));
  if (opened.contentRange !== null) reply.header('content-range', opened.contentRange);
  if (opened.etag !== null) reply.header('etag', opened.etag);
  if (opened.modifiedAt !== null) reply.header('last-modified', new Date(opened.modifiedAt).toUTCString());
  if (opened.body === undefined) return reply.send();
  const body = Readable.from(takenInTime(opened.body, reply), { objectMode: false, highWaterMark: 0 });
  // The head has gone out with its length: the log is all that can still tell.
  body.once('error', (error) => (reply.request.served.error = error));
  return reply.send(body);
}

/** Whoever takes nothing for so long holds S3's connection and our memory for nothing. */
const LONGEST_PAUSE_MS = 60_000;

async function* takenInTime(
  body: AsyncIterable<Uint8Array>,
  { raw }: FastifyReply,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    const stalled = setTimeout(() => raw.destroy(), LONGEST_PAUSE_MS);
    try {
      yield chunk;
    } finally {
      clearTimeout(stalled);
    }
  }
}

/** Parameters of a media type do not make it another. */
export function isInline(types: readonly string[], contentType: string): boolean {
  return types.includes((contentType.split(';')[0] ?? '').trim().toLowerCase());
}
