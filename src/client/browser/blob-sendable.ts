import { FileChanged, S3Refusal } from '../errors.ts';
import { until } from '../retry.ts';
import type { Sendable } from '../sendable.ts';
import { s3CodeIn } from '../transport.ts';
import type { Connection } from './connection.ts';

/** A file that goes to S3 by XMLHttpRequest: `fetch` tells no progress but of a stream, and a stream has no length, which S3 answers with 411. */
export function blobSendable(connection: Connection, file: Blob): Sendable {
  return {
    size: file.size,
    async put({ url, headers }, from, size, { signal, onSent }) {
      // A slice has no type: the browser adds no header that is not signed.
      const body = file.slice(from, from + size);
      const { status, text } = await connection.reach('S3', url, signal, async () => {
        const done = await put(url, headers, body, signal, (bytes) => {
          connection.moved('S3');
          onSent?.(bytes);
        });
        // An unreadable file looks like a broken connection.
        if (!done) await requireReadable(body);
        return done;
      });
      // No `Retry-After`: S3 shows it to no page.
      if (status < 200 || status > 299) throw new S3Refusal(status, s3CodeIn(text));
    },
    requireUnchanged: () => requireReadable(file),
  };
}

/** @returns undefined when nothing was answered. */
function put(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Blob,
  signal: AbortSignal | undefined,
  onSent: (bytes: number) => void,
): Promise<{ status: number; text: string } | undefined> {
  return until(signal, (end) => {
    const xhr = new XMLHttpRequest();
    let timer: ReturnType<typeof setTimeout>;
    // A connection on which nothing has moved for so long is given up.
    const silenceMs = 90_000;
    const watch = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => xhr.abort(), silenceMs);
    };
    xhr.open('PUT', url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded }) => {
      watch();
      onSent(loaded);
    };
    // Now: once aborted it has no status.
    xhr.onloadend = () => end(xhr.status ? { status: xhr.status, text: xhr.responseText } : undefined);
    watch();
    xhr.send(body);
    return () => {
      clearTimeout(timer);
      xhr.abort();
    };
  });
}

/** A browser says of a file that was written to, moved or deleted no more than that it cannot be read. @throws FileChanged */
export async function requireReadable(file: Blob): Promise<void> {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch (cause) {
    throw new FileChanged('The file changed, or is gone.', { cause });
  }
}
