import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { RequestOptions } from 'node:https';
import { urlToHttpOptions } from 'node:url';
import type { VaultTransitConfig } from '../../../config/config.ts';
import { endIdle } from '../../../idle-connections.ts';
import { trusted } from '../../../s3/trust.ts';
import type { Secret } from '../../../secret.ts';
import { at, unavailable } from './errors.ts';

const MAX_ANSWER_BYTES = 1024 * 1024;

export interface VaultRequest {
  readonly method: 'GET' | 'POST';
  /** Below `/v1/`, its segments encoded: see `pathOf`. */
  readonly path: string;
  readonly token?: Secret;
  readonly body?: unknown;
}

export interface VaultAnswer {
  readonly status: number;
  /** `undefined` unless it is JSON. */
  readonly body: unknown;
}

export interface VaultHttp {
  /** Any status is an answer. @throws DependencyUnavailable when there is none. */
  send(call: VaultRequest): Promise<VaultAnswer>;
  close(): void;
}

export type VaultHttpOptions = Pick<VaultTransitConfig, 'address' | 'ca' | 'namespace' | 'timeoutSeconds'> & {
  /** Of the wrapper, for messages. */
  readonly id: string;
};

export function vaultHttp(options: VaultHttpOptions): VaultHttp {
  const { id, address, ca, namespace, timeoutSeconds } = options;
  const agent = new Agent({ keepAlive: true, ...trusted(ca) });
  const base = address.pathname.replace(/\/+$/, '');

  async function once(call: VaultRequest, to: URL, path: string): Promise<Raw> {
    const headers = {
      // Vault and OpenBao want it to tell their clients from a browser that was tricked.
      'x-vault-request': 'true',
      ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
      ...(call.token === undefined ? {} : { 'x-vault-token': call.token.reveal() }),
      ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const signal = AbortSignal.timeout(timeoutSeconds * 1000);
    const options = { ...urlToHttpOptions(to), path, method: call.method, agent, headers, signal };
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    try {
      return await exchange(options, body, (timeoutSeconds * 1000) / 2);
    } catch (error) {
      // Vault may have closed an idle connection at the very moment it was used again. Nothing asked here does harm when done twice.
      if (!(error instanceof StaleConnection)) throw error;
      endIdle(agent);
      return exchange(options, body);
    }
  }

  async function followed(call: VaultRequest): Promise<Raw> {
    const answer = await once(call, address, `${base}/v1/${call.path}`);
    if (answer.status !== STANDBY) return answer;
    // A standby names the active node. It is asked once, and never without TLS: the token goes with it.
    const active = URL.parse(answer.location ?? '');
    if (active?.protocol !== 'https:') throw new Error('it sends elsewhere, but not to an https address');
    return once(call, active, active.pathname + active.search);
  }

  return {
    async send(call) {
      try {
        const { status, text } = await followed(call);
        return { status, body: parsed(text) };
      } catch (cause) {
        const said = `Vault at ${address.host} does not answer (${reason(cause)}).`;
        throw unavailable(`${at(id, call.path)}: ${said}`, codeOf(cause) ?? 'NoAnswer');
      }
    },
    close: () => agent.destroy(),
  };
}

/** Mounts may have several segments, keys have one. */
export function pathOf(...names: readonly string[]): string {
  return names.flatMap((name) => name.split('/').map(encodeURIComponent)).join('/');
}

const STANDBY = 307;

interface Raw {
  readonly status: number;
  readonly location: string | undefined;
  readonly text: string;
}

class StaleConnection extends Error {}

/** @param silenceMs after which a connection that was there already has fallen silent. */
async function exchange(options: RequestOptions, body: string | undefined, silenceMs?: number): Promise<Raw> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const call = request(options, resolve);
  call.on('error', (error: NodeJS.ErrnoException) => {
    const stale = call.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
    reject(stale ? new StaleConnection(error.message, { cause: error }) : error);
  });
  let silence: NodeJS.Timeout | undefined;
  call.on('socket', () => {
    if (!call.reusedSocket || silenceMs === undefined) return;
    silence = setTimeout(() => call.destroy(new StaleConnection('it has fallen silent')), silenceMs);
  });
  call.end(body);
  try {
    const response = await promise;
    clearTimeout(silence);
    return {
      status: response.statusCode ?? 0,
      location: response.headers.location,
      text: await whole(response),
    };
  } finally {
    clearTimeout(silence);
  }
}

async function whole(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error('its answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return 'no reason given';
  return cause.name === 'TimeoutError' || cause.name === 'AbortError'
    ? 'not in time'
    : (codeOf(cause) ?? cause.message);
}

function codeOf(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
}
