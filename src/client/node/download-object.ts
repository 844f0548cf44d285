import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ContentDiffers, PartnerError, S3Refusal } from '../errors.ts';
import { filenameIn } from './filename.ts';
import type { SignedRequest } from '../model.ts';
import { Patience } from '../retry.ts';
import type { PartnerService } from './partner-service.ts';
import { s3CodeIn } from '../transport.ts';
import { answerTo, retryAfterOf, textOf, type Transport } from './transport.ts';
import { unreachable } from './unreachable.ts';

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once, before the first byte. @param facts what S3 says: bytes, and the uploader's filename, not yet safe as a path. */
  readonly onBegin?: (facts: { size: number; filename: string | undefined }) => Promise<void> | void;
  /** Takes the bytes, in order, each one once. What it throws ends the download. */
  readonly write: (chunk: Buffer) => Promise<void>;
}

export interface Downloaded {
  /** Bytes. */
  readonly size: number;
  /** base64, of what was written. */
  readonly sha256: string;
}

/**
 * Downloads an object in constant memory. After a cut it goes on where it stood.
 * @throws ServiceProblem, Unreachable or S3Refusal, when trying again has not helped; ContentDiffers when S3 sends another size than it
 * announced, or another object after a cut; an `AbortError`; and whatever `write` and `onBegin` throw.
 */
export async function downloadObject(
  service: PartnerService,
  id: string,
  options: DownloadOptions,
): Promise<Downloaded> {
  const { signal, onBegin, write } = options;
  const fresh = (): Patience => new Patience(service.retry, signal);
  let patience = fresh();
  const hash = createHash('sha256');
  let received = 0;
  let object: Identity | undefined;
  let refreshed = false;
  for (;;) {
    const request = await service.download(id, received === 0 ? undefined : `bytes=${received}-`, signal);
    let answer: IncomingMessage | undefined;
    try {
      answer = await get(service.transport, request, received, signal);
      if (object === undefined) {
        const { size } = (object = identityOf(answer));
        const filename = filenameIn(answer.headers['content-disposition']);
        await local(async () => onBegin?.({ size, filename }));
      } else requireSame(object, answer, received);
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        received += chunk.length;
        if (received > object.size) break;
        hash.update(chunk);
        patience = fresh();
        await local(() => write(chunk));
      }
    } catch (error) {
      answer?.destroy();
      signal?.throwIfAborted();
      if (error instanceof LocalFailure) throw error.original;
      // A URL may end between its making and its use; the next round asks for another anyway.
      const mayHaveEnded: boolean = error instanceof S3Refusal && error.status === 403 && !refreshed;
      if (!mayHaveEnded) {
        await patience.afterFailure(error instanceof PartnerError ? error : unreachable('S3', error));
      }
      refreshed ||= mayHaveEnded;
      continue;
    }
    const { size } = object;
    if (received !== size) throw new ContentDiffers(`S3 sent ${received} bytes in place of ${size}.`);
    return { size, sha256: hash.digest('base64') };
  }
}

/** What every answer for one object has in common. */
interface Identity {
  /** Bytes, of the whole object. */
  readonly size: number;
  readonly etag: string | undefined;
}

function identityOf({ headers }: IncomingMessage): Identity {
  const length = headers['content-length'];
  // Without it nobody could tell a whole object from a part, nor stop an endless one.
  if (length === undefined) throw new ContentDiffers('S3 did not say how long the object is.');
  return { size: Number(length), etag: headers.etag };
}

/**
 * The object may have been overwritten since the first answer. Compared here and not asked for by `If-Match`: that header is not
 * signed, and a server may ignore it.
 */
function requireSame({ size, etag }: Identity, { headers }: IncomingMessage, from: number): void {
  // When nothing but a head came before the cut, the whole is asked for again.
  const isSameRange =
    from === 0
      ? Number(headers['content-length']) === size
      : headers['content-range'] === `bytes ${from}-${size - 1}/${size}`;
  if (!isSameRange) throw new ContentDiffers('S3 sent another range than the one asked for.');
  if (headers.etag !== etag) throw new ContentDiffers('The object was overwritten during the download.');
}

/** Keeps what the caller's own functions throw apart from what the connection does. */
class LocalFailure extends Error {
  readonly original: Error;

  constructor(original: Error) {
    super();
    this.original = original;
  }
}

async function local(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new LocalFailure(error instanceof Error ? error : new Error(String(error)));
  }
}

async function get(
  transport: Transport,
  request: SignedRequest,
  from: number,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  const call = transport.openTls(new URL(request.url), {
    method: request.method,
    headers: request.headers,
    signal,
  });
  call.end();
  const answer = await answerTo(call);
  const status = answer.statusCode ?? 0;
  if (status !== (from === 0 ? 200 : 206)) {
    throw new S3Refusal(status, s3CodeIn(await textOf(answer)), retryAfterOf(answer));
  }
  return answer;
}
