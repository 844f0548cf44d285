import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { createSecureContext, getCACertificates } from 'node:tls';
import type { WebhookConfig } from '../config/config.ts';
import { AddressRefused, pinned, reachable, type Resolve } from './addresses.ts';

/** From the look-up of the name to the end of the answer. */
export const ATTEMPT_MS = 15_000;
/** What is said of an attempt that `stop` ended. */
export const ENDED = 'the service ended before an answer came';
/** Enough for any word of thanks; what comes after is not read. */
const MOST_ANSWER_BYTES = 64 * 1024;

export type Answer =
  | { readonly status: number; readonly retryAfterSeconds: number | undefined }
  /** Why there is none, in words of ours: no address, URL or text of the receiver is in them. */
  | { readonly failure: string };

export interface Sending {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly resolve: Resolve;
  /** Instead of `ATTEMPT_MS`. */
  readonly timeoutMs?: number;
  /** Ends it early. */
  readonly stop?: AbortSignal;
}

/** One POST to a receiver, over a connection of its own. Redirects are answers like others. Never rejects. */
export async function send(webhook: WebhookConfig, sending: Sending): Promise<Answer> {
  const { timeoutMs = ATTEMPT_MS, stop } = sending;
  const late = AbortSignal.timeout(timeoutMs);
  const signal = stop === undefined ? late : AbortSignal.any([late, stop]);
  try {
    return await post(webhook, sending, signal);
  } catch (error) {
    if (stop?.aborted === true) return { failure: ENDED };
    return { failure: late.aborted ? `no answer in ${timeoutMs / 1000} s` : wordsFor(error) };
  }
}

async function post(
  { url, allowedAddresses, ca }: WebhookConfig,
  { headers, body, resolve }: Sending,
  signal: AbortSignal,
): Promise<Answer> {
  const addresses = await beforeEnd(reachable(url.hostname, allowedAddresses, resolve), signal);
  const call = request(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'user-agent': 'sealslot',
      ...headers,
    },
    agent: agentFor(ca),
    lookup: pinned(addresses),
    signal,
  });
  // A receiver may answer and hang up before it has read all: then the answer counts.
  call.on('error', () => undefined);
  call.end(body);
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  try {
    await readSome(answer);
  } finally {
    call.destroy();
  }
  return { status: answer.statusCode ?? 0, retryAfterSeconds: retryAfterOf(answer) };
}

/** A look-up cannot be stopped; what it finds too late is of no interest. */
function beforeEnd<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const ended = new Promise<never>((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(new Error('ended')), { once: true }),
  );
  return Promise.race([work, ended]);
}

async function readSome(answer: IncomingMessage): Promise<void> {
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_ANSWER_BYTES) return;
  }
}

const agents = new Map<string | undefined, Agent>();

/** One for each private CA: reading the usual certificates takes longer than a handshake. */
function agentFor(ca: string | undefined): Agent {
  const known = agents.get(ca);
  if (known !== undefined) return known;
  const trust = ca !== undefined && {
    secureContext: createSecureContext({ ca: [...getCACertificates('default'), ca] }),
  };
  const agent = new Agent({ keepAlive: false, ...trust });
  agents.set(ca, agent);
  return agent;
}

/** Undefined when it is absent or a date, which only tells something to those whose clock is right. */
function retryAfterOf({ headers }: IncomingMessage): number | undefined {
  const value = headers['retry-after'];
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

function wordsFor(error: unknown): string {
  if (error instanceof AddressRefused) return 'address not public, and not in allowedAddresses';
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its host name was not found';
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'connection closed without an answer';
  if (/CERT|SIGNATURE|ISSUER|ALTNAME/.test(code)) return `its certificate is not trusted (${code})`;
  return /^[A-Z0-9_]{1,64}$/.test(code) ? `connection failed (${code})` : 'connection failed';
}
