import { Readable } from 'node:stream';

/** As much of an SDK client as is needed for middleware; those of S3 and KMS have different types. */
export interface MiddlewareClient {
  readonly middlewareStack: {
    add(middleware: (next: Next) => Next, at: { step: 'deserialize'; priority: 'low'; name: string }): void;
  };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the clients' own types differ, and what is read is looked into
type Next = (args: any) => Promise<any>;

/** The service began to answer, but not so that it could be waited for. Not asked a second time. */
class EndlessAnswer extends Error {
  override readonly name = 'EndlessAnswer';
}

export interface AnswerLimits {
  readonly bytes: number;
  readonly milliseconds: number;
}

/**
 * Every answer is read whole, within these limits, before anything is made of it: the SDK's own timeouts end with the answer's head, and it
 * reads a body however long that is. A call that streams an object needs a client without this.
 */
export function readWholeAnswers(client: MiddlewareClient, limits: AnswerLimits): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const sent = performance.now();
      const result = (await next(args)) as { response: { body?: unknown } };
      const { response } = result;
      if (response.body instanceof Readable) response.body = await readWhole(response.body, limits, sent);
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'sealslotWholeAnswers' },
  );
}

/** Leaving early destroys the body, and with it its connection. */
async function readWhole(
  body: Readable,
  { bytes, milliseconds }: AnswerLimits,
  sent: number,
): Promise<Uint8Array> {
  const late = setTimeout(
    () => body.destroy(new EndlessAnswer(`no whole answer in ${milliseconds / 1000} s`)),
    sent + milliseconds - performance.now(),
  );
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > bytes) throw new EndlessAnswer(`an answer of more than ${bytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } finally {
    clearTimeout(late);
  }
}
