import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { FileChanged, FileUnusable, S3Refusal, Unreachable } from './errors.ts';
import type { LocalFile } from './local-file.ts';
import type { SignedRequest } from './model.ts';
import { answerTo, retryAfterOf, s3CodeIn, textOf, type Transport } from './transport.ts';

/** As in curl: bigger bodies wait for S3's word, so that a refusal costs none of them, but not for long: some servers never say it. */
const EXPECT_FROM_BYTES = 1024 * 1024;
const EXPECT_MS = 1_000;

export interface PutOptions {
  readonly signal?: AbortSignal | undefined;
  /** @param bytes sent so far in this try. */
  readonly onSent?: ((bytes: number) => void) | undefined;
}

/**
 * Sends the file to S3, once, in constant memory.
 * @throws S3Refusal for every answer that is not a success: 412 says that the object is there already.
 * @throws Unreachable when no answer comes; the object may be there all the same.
 * @throws FileChanged or FileUnusable when the file cannot be read to its announced end.
 */
export async function putFile(
  transport: Transport,
  request: SignedRequest,
  file: LocalFile,
  { signal, onSent }: PutOptions = {},
): Promise<void> {
  const expects = file.size >= EXPECT_FROM_BYTES;
  const call = transport.openTls(new URL(request.url), {
    method: request.method,
    headers: {
      ...request.headers,
      'content-length': file.size,
      ...(expects && { expect: '100-continue' }),
    },
    signal,
  });
  try {
    const answered = answerTo(call);
    const sent = send(call, file, expects, onSent);
    // An answer may come before the end of the body, and a failing file before any answer.
    const answer = await Promise.race([answered, sent.then(() => answered)]);
    const body = await textOf(answer);
    const status = answer.statusCode ?? 0;
    if (status < 200 || status > 299) throw new S3Refusal(status, s3CodeIn(body), retryAfterOf(answer));
    await sent;
  } catch (error) {
    signal?.throwIfAborted();
    const told = [S3Refusal, FileChanged, FileUnusable].some((kind) => error instanceof kind);
    throw told ? error : new Unreachable('S3', error);
  } finally {
    // Where the body was not sent to its end, the connection is of no more use.
    if (!call.writableFinished) call.destroy();
  }
}

async function send(
  call: ClientRequest,
  file: LocalFile,
  expects: boolean,
  onSent: ((bytes: number) => void) | undefined,
): Promise<void> {
  let answer: IncomingMessage | undefined;
  call.once('response', (response) => (answer = response));
  if (expects) await wordOrTimeout(call);

  let bytes = 0;
  async function* body(): AsyncGenerator<Buffer> {
    if (file.size === 0) return;
    for await (const chunk of file.read()) {
      // The rest is not wanted. To end here would look like the end of the body.
      if (answer !== undefined) await once(call, 'close');
      yield chunk;
      bytes += chunk.length;
      onSent?.(bytes);
    }
  }
  if (answer === undefined) await pipeline(body, call);
}

async function wordOrTimeout(call: ClientRequest): Promise<void> {
  const waiting = new AbortController();
  const { signal } = waiting;
  call.flushHeaders();
  const never = () => undefined;
  await Promise.race([
    once(call, 'continue', { signal }).catch(never),
    once(call, 'response', { signal }).catch(never),
    once(call, 'close', { signal }).catch(never),
    delay(EXPECT_MS, undefined, { signal }).catch(never),
  ]);
  waiting.abort();
}
