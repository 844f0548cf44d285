import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';

/** The longest right answer is a page of 1,000 versions: 3 MiB when every object key is as long as can be. */
const LONGEST_BYTES = 8 * 1024 * 1024;

/** S3 began to answer, but not so that it could be waited for. Not asked a second time. */
class EndlessAnswer extends Error {
  override readonly name = 'EndlessAnswer';
}

/**
 * Every answer is read whole, 8 MiB and so many milliseconds at most, before anything is made of it: the SDK's own timeouts end with the answer's head, and it
 * reads a body however long that is. A call that streams an object needs a client without this.
 */
export function readWholeAnswers(client: S3Client, longestMs: number): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const sent = performance.now();
      const result = await next(args);
      const response = result.response as { body?: unknown };
      if (response.body instanceof Readable) {
        response.body = await readWhole(response.body, longestMs, sent);
      }
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'sealslotWholeAnswers' },
  );
}

/** Leaving early destroys the body, and with it its connection. */
async function readWhole(body: Readable, longestMs: number, sent: number): Promise<Uint8Array> {
  const late = setTimeout(
    () => body.destroy(new EndlessAnswer(`no whole answer in ${longestMs / 1000} s`)),
    sent + longestMs - performance.now(),
  );
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > LONGEST_BYTES) throw new EndlessAnswer(`an answer of more than ${LONGEST_BYTES} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } finally {
    clearTimeout(late);
  }
}
