import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ContentDiffers, PartnerError, S3Refusal, Unreachable } from './errors.ts';
import { filenameIn } from './filename.ts';
import type { SignedRequest } from './model.ts';
import { Patience } from './retry.ts';
import type { ServiceClient } from './service.ts';
import { answerTo, retryAfterOf, s3CodeIn, textOf, type Transport } from './transport.ts';

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
 * announced; an `AbortError`; and whatever `write` and `onBegin` throw.
 */
export async function downloadObject(
  service: ServiceClient,
  id: string,
  options: DownloadOptions,
): Promise<Downloaded> {
  const { signal, onBegin, write } = options;
  const patience = new Patience(service.retry, signal);
  const hash = createHash('sha256');
  let received = 0;
  let size: number | undefined;
  let refreshed = false;
  for (;;) {
    const request = await service.download(id, received === 0 ? undefined : `bytes=${received}-`, signal);
    try {
      const answer = await get(service.transport, request, received, signal);
      if (size === undefined) {
        const bytes = (size = Number(answer.headers['content-length']));
        const filename = filenameIn(answer.headers['content-disposition']);
        await local(async () => onBegin?.({ size: bytes, filename }));
      }
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        received += chunk.length;
        hash.update(chunk);
        patience.renew();
        await local(() => write(chunk));
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof LocalFailure) throw error.original;
      // A URL may end between its making and its use; the next round asks for another anyway.
      const mayHaveEnded: boolean = error instanceof S3Refusal && error.status === 403 && !refreshed;
      if (!mayHaveEnded) {
        await patience.afterFailure(error instanceof PartnerError ? error : new Unreachable('S3', error));
      }
      refreshed ||= mayHaveEnded;
      continue;
    }
    if (received !== size) throw new ContentDiffers(`S3 sent ${received} bytes in place of ${size}.`);
    return { size, sha256: hash.digest('base64') };
  }
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
  if (from > 0 && !answer.headers['content-range']?.startsWith(`bytes ${from}-`)) {
    answer.destroy();
    throw new ContentDiffers('S3 sent another range than the one asked for.');
  }
  return answer;
}
