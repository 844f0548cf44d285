import { S3Refusal } from '../errors.ts';
import type { PutOptions, Sendable } from '../sendable.ts';
import { retryAfterIn, s3CodeIn } from '../transport.ts';
import { NoAnswer, type Connection } from './connection.ts';
import { requireReadable } from './file-hash.ts';

/** A connection on which nothing has moved for so long is given up. */
const SILENCE_MS = 90_000;

/** A file that goes to S3 by XMLHttpRequest: `fetch` tells no progress but of a stream, and a stream has no length, which S3 answers with 411. */
export function blobSendable(connection: Connection, file: Blob): Sendable {
  return {
    size: file.size,
    async put({ url, headers }, from, size, { signal, onSent }) {
      // A slice has no type: the browser adds no header that is not signed.
      const body = file.slice(from, from + size);
      const xhr = await connection.reach('S3', url, signal, async (signal) => {
        try {
          return await put(url, headers, body, {
            signal,
            onSent(bytes) {
              connection.moved('S3');
              onSent?.(bytes);
            },
          });
        } catch (error) {
          // An unreadable file looks like a broken connection.
          if (error instanceof NoAnswer && !signal.aborted) await requireReadable(body);
          throw error;
        }
      });
      const { status } = xhr;
      if (status < 200 || status > 299) {
        // To ask for a header that S3 does not expose would print an error.
        const asked = /^retry-after: *(\d+)/im.exec(xhr.getAllResponseHeaders())?.[1];
        throw new S3Refusal(status, s3CodeIn(xhr.responseText), retryAfterIn(asked));
      }
    },
    requireUnchanged: () => requireReadable(file),
  };
}

function put(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Blob,
  { signal, onSent }: PutOptions & { signal: AbortSignal },
): Promise<XMLHttpRequest> {
  const xhr = new XMLHttpRequest();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let moved = false;
  const stop = (): void => xhr.abort();
  const watch = (): void => {
    clearTimeout(timer);
    timer = setTimeout(stop, SILENCE_MS);
  };
  return new Promise<XMLHttpRequest>((resolve, reject) => {
    signal.throwIfAborted();
    signal.addEventListener('abort', stop);
    xhr.open('PUT', url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded }) => {
      moved = true;
      watch();
      onSent?.(loaded);
    };
    xhr.onload = () => resolve(xhr);
    xhr.onerror = xhr.onabort = () => reject(new NoAnswer(moved));
    watch();
    xhr.send(body);
  }).finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  });
}
