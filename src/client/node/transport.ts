import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { createSecureContext, getCACertificates } from 'node:tls';
import { retryAfterIn, type ServiceAnswer, type ServiceCall, type ServiceTransport } from '../transport.ts';
import { unreachable } from './unreachable.ts';

/** One HTTP call; the body is written by whoever opened it. */
export interface Opening {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly signal?: AbortSignal | undefined;
}

/** A connection on which nothing has moved for so long is given up. */
const SILENCE_MS = 60_000;

/** Kept-alive connections, and whom to trust. Redirects are not followed: keys would follow them. */
export class Transport implements ServiceTransport {
  readonly #http = new HttpAgent({ keepAlive: true });
  readonly #https: HttpsAgent;

  /** @param caPem certificates in PEM to trust beside the usual ones. */
  constructor(caPem?: string) {
    // One context for all connections: reading the usual certificates takes longer than a handshake.
    const trust = caPem !== undefined && {
      secureContext: createSecureContext({ ca: [...getCACertificates('default'), caPem] }),
    };
    this.#https = new HttpsAgent({ keepAlive: true, ...trust });
  }

  async send({ method, url, headers, body, signal }: ServiceCall): Promise<ServiceAnswer> {
    const bytes = body === undefined ? undefined : Buffer.from(body);
    try {
      const call = this.open(new URL(url), {
        method,
        headers: { accept: 'application/json', ...headers, ...(bytes && { 'content-length': bytes.length }) },
        signal,
      });
      call.end(bytes);
      const answer = await answerTo(call);
      const text = await textOf(answer);
      return { status: answer.statusCode ?? 0, retryAfterSeconds: retryAfterOf(answer), text };
    } catch (error) {
      signal?.throwIfAborted();
      throw unreachable('service', error);
    }
  }

  /** For the service, which may be reached without TLS on loopback. */
  open(url: URL, opening: Opening): ClientRequest {
    return url.protocol === 'https:'
      ? this.openTls(url, opening)
      : quietly(httpRequest(url, { ...optionsOf(opening), agent: this.#http }));
  }

  /** For S3, where customer keys travel in headers. @throws TypeError when the URL is not https. */
  openTls(url: URL, opening: Opening): ClientRequest {
    return quietly(httpsRequest(url, { ...optionsOf(opening), agent: this.#https }));
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}

function optionsOf({ method, headers, signal }: Opening) {
  return { method, headers: { ...headers }, ...(signal !== undefined && { signal }) };
}

function quietly(call: ClientRequest): ClientRequest {
  call.setTimeout(SILENCE_MS, () =>
    call.destroy(Object.assign(new Error('nothing moved'), { code: 'ETIMEDOUT' })),
  );
  return call;
}

/** The head of the answer. Rejects with what broke the connection. */
export function answerTo(call: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    call.once('response', resolve);
    // Stays: after the answer an error is of no interest, and without a listener it would end the process.
    call.on('error', reject);
    call.once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
  });
}

const MOST_TEXT_BYTES = 1024 * 1024;

/** The answer's body as text; what is too long for an answer of the service or an error of S3 is cut off. */
export async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MOST_TEXT_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

export function retryAfterOf(answer: IncomingMessage): number | undefined {
  return retryAfterIn(answer.headers['retry-after']);
}
