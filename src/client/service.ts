import { ServiceProblem } from './errors.ts';
import type { Part, PartRequest, SignedRequest, Slot, SlotWithRequest, UploadAsk } from './model.ts';
import { DEFAULT_RETRY, Patience, type RetryPolicy } from './retry.ts';
import type { ServiceTransport } from './transport.ts';

/** What proves who calls. */
export interface Token {
  /** The value of the `authorization` header. */
  header(): string;
}

export interface ServiceOptions<T extends ServiceTransport> {
  /** Where the service is, perhaps with a path before its `/v1`. */
  readonly endpoint: URL;
  /** A function is asked before every call. */
  readonly token: Token | (() => Token | Promise<Token>);
  /** Whether a 401 has it asked once more: the token may just have ended. */
  readonly renewsToken?: boolean;
  readonly transport: T;
  readonly retry?: RetryPolicy;
}

interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

/**
 * The calls of the service that a partner makes. Each is repeated while that may help.
 * Every method rejects with `ServiceProblem` when the service refuses, with `Unreachable` when it does not answer, and with an
 * `AbortError` when the signal is aborted.
 */
export class ServiceClient<T extends ServiceTransport = ServiceTransport> {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly transport: T;
  readonly retry: RetryPolicy;
  readonly #token: () => Token | Promise<Token>;
  readonly #renewsToken: boolean;

  constructor({ endpoint, token, renewsToken = false, transport, retry = DEFAULT_RETRY }: ServiceOptions<T>) {
    this.endpoint = endpoint.href.replace(/\/+$/, '');
    this.#token = typeof token === 'function' ? token : () => token;
    this.#renewsToken = renewsToken;
    this.transport = transport;
    this.retry = retry;
  }

  /**
   * Asks for a slot.
   * @param idempotencyKey visible ASCII, at most 255 characters. For 24 hours the same key and ask give the same slot.
   */
  create(ask: UploadAsk, idempotencyKey: string, signal?: AbortSignal): Promise<SlotWithRequest> {
    const headers = { 'idempotency-key': idempotencyKey };
    return this.#call({ method: 'POST', path: '', body: ask, headers, signal });
  }

  /** A fresh request for a slot that is still `issued`; 409 `state_conflict` when it is not. */
  request(id: string, signal?: AbortSignal): Promise<Required<Pick<SlotWithRequest, 'request'>> & Slot> {
    return this.#call({ method: 'POST', path: `/${encodeURIComponent(id)}/request`, body: {}, signal });
  }

  /** @param partNumbers at most 100. @returns a request for each, in this order. */
  async requestParts(
    id: string,
    partNumbers: readonly number[],
    signal?: AbortSignal,
  ): Promise<PartRequest[]> {
    const path = `/${encodeURIComponent(id)}/parts`;
    const { parts } = await this.#call<{ parts: PartRequest[] }>({
      ...{ method: 'POST', path },
      body: { partNumbers },
      signal,
    });
    return parts;
  }

  /** What S3 has of an upload in parts; 409 `restart_needed` when S3 knows of no such upload any more. */
  async parts(id: string, signal?: AbortSignal): Promise<Part[]> {
    const path = `/${encodeURIComponent(id)}/parts`;
    return (await this.#call<{ parts: Part[] }>({ method: 'GET', path, signal })).parts;
  }

  /**
   * Has the service look in S3: the slot, `uploaded`; or 409 `not_arrived`, `still_completing` or `restart_needed`, or 422 `mismatch`.
   */
  complete(id: string, signal?: AbortSignal): Promise<Slot> {
    return this.#call({ method: 'POST', path: `/${encodeURIComponent(id)}/complete`, body: {}, signal });
  }

  get(id: string, signal?: AbortSignal): Promise<Slot> {
    return this.#call({ method: 'GET', path: `/${encodeURIComponent(id)}`, signal });
  }

  /** Has the object removed and then its key destroyed: the slot, `deleting` until both are proven. */
  remove(id: string, signal?: AbortSignal): Promise<Slot> {
    return this.#call({ method: 'DELETE', path: `/${encodeURIComponent(id)}`, signal });
  }

  /** @param range one byte range, as `bytes=0-1023`; the whole object when left out. */
  download(id: string, range?: string, signal?: AbortSignal): Promise<SignedRequest> {
    const body = range === undefined ? {} : { range };
    return this.#call({ method: 'POST', path: `/${encodeURIComponent(id)}/download`, body, signal });
  }

  async #call<T>(call: Call): Promise<T> {
    const patience = new Patience(this.retry, call.signal);
    let mayRenew = this.#renewsToken;
    for (;;) {
      try {
        return (await this.#once(call)) as T;
      } catch (error) {
        call.signal?.throwIfAborted();
        if (error instanceof TokenFailure) throw error.cause;
        if (mayRenew && error instanceof ServiceProblem && error.status === 401) mayRenew = false;
        else await patience.afterFailure(error);
      }
    }
  }

  async #freshToken(): Promise<Token> {
    try {
      return await this.#token();
    } catch (error) {
      throw new TokenFailure('no token', { cause: error });
    }
  }

  async #once({ method, path, body, headers, signal }: Call): Promise<unknown> {
    const token = await this.#freshToken();
    const answer = await this.transport.send({
      method,
      url: `${this.endpoint}/v1/uploads${path}`,
      headers: {
        authorization: token.header(),
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
    });
    const { status, text, retryAfterSeconds } = answer;
    const document = parse(text);
    if (status < 200 || status > 299 || document === undefined) {
      throw new ServiceProblem(status, document, retryAfterSeconds);
    }
    return document;
  }
}

/** Keeps what the caller's own function throws apart from what the connection does. */
class TokenFailure extends Error {}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
