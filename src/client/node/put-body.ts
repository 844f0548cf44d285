import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { FileChanged, FileUnusable, S3Refusal } from '../errors.ts';
import type { SignedRequest } from '../model.ts';
import type { PutOptions, Sendable } from '../sendable.ts';
import { s3CodeIn } from '../transport.ts';
import type { Body, Source } from './source.ts';
import { answerTo, retryAfterOf, textOf, type Transport } from './transport.ts';
import { unreachable } from './unreachable.ts';

/** As in curl: bigger bodies wait for S3's word, so that a refusal costs none of them, but not for long: some servers never say it. */
const EXPECT_FROM_BYTES = 1024 * 1024;
const EXPECT_MS = 1_000;

/** A source that goes to S3 by this transport. */
export function sendable(transport: Transport, source: Source): Sendable {
  return {
    size: source.size,
    put: (request, from, size, options) => putBody(transport, request, source.part(from, size), options),
    requireUnchanged: () => source.requireUnchanged(),
  };
}

/**
 * Sends an object or a part of one to S3, once, in constant memory.
 * @throws S3Refusal for every answer that is not a success: 412 says that the object is there already.
 * @throws Unreachable when no answer comes; the object may be there all the same.
 * @throws FileChanged or FileUnusable when the body cannot be read to its announced end.
 */
export async function putBody(
  transport: Transport,
  request: Pick<SignedRequest, 'url' | 'headers'>,
  body: Body,
  { signal, onSent }: PutOptions = {},
): Promise<void> {
  const expects = body.size >= EXPECT_FROM_BYTES;
  const call = transport.openTls(new URL(request.url), {
    method: 'PUT',
    headers: {
      ...request.headers,
      'content-length': body.size,
      ...(expects && { expect: '100-continue' }),
    },
    signal,
  });
  let thrown: { readonly error: unknown } | undefined;
  const tell = (bytes: number): void => {
    try {
      onSent?.(bytes);
    } catch (error) {
      thrown = { error };
      throw error;
    }
  };
  try {
    const answered = answerTo(call);
    const sent = send(call, body, expects, tell);
    // An answer may come before the end of the body, and a failing file before any answer.
    const answer = await Promise.race([answered, sent.then(() => answered)]);
    const text = await textOf(answer);
    const status = answer.statusCode ?? 0;
    if (status < 200 || status > 299) throw new S3Refusal(status, s3CodeIn(text), retryAfterOf(answer));
    await sent;
  } catch (error) {
    signal?.throwIfAborted();
    if (thrown !== undefined) throw thrown.error;
    const told = [S3Refusal, FileChanged, FileUnusable].some((kind) => error instanceof kind);
    throw told ? error : unreachable('S3', error);
  } finally {
    // Where the body was not sent to its end, the connection is of no more use.
    if (!call.writableFinished) call.destroy();
  }
}

async function send(
  call: ClientRequest,
  body: Body,
  expects: boolean,
  onSent: (bytes: number) => void,
): Promise<void> {
  let answer: IncomingMessage | undefined;
  call.once('response', (response) => (answer = response));
  if (expects) await wordOrTimeout(call);

  let bytes = 0;
  for await (const chunk of body.read()) {
    // The rest is not wanted. To end here would look like the end of the body.
    if (answer !== undefined) return;
    await written(call, chunk);
    bytes += chunk.length;
    onSent(bytes);
  }
  if (answer === undefined) call.end();
}

/** Until the socket has taken it: the next piece may come in the same memory. */
function written(call: ClientRequest, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    call.once('close', onClose);
    call.write(chunk, (error) => {
      call.off('close', onClose);
      if (error) reject(error);
      else resolve();
    });
  });
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
