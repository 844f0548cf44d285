import { ServiceProblem } from './errors.ts';
import type { Part, PartRequest, Slot, SlotWithRequest, UploadAsk } from './model.ts';
import { Patience, type RetryPolicy } from './retry.ts';
import type { ServiceCall, ServiceTransport } from './transport.ts';

export interface ServiceOptions<T extends ServiceTransport> {
  /** Where the service is, perhaps with a path before its `/v1`. */
  readonly endpoint: URL;
  /** The value of the `authorization` header; asked for before every call. */
  readonly authorize: () => string | Promise<string>;
  /** Whether a 401 has it asked once more: the token may just have ended. */
  readonly renewsToken?: boolean;
  readonly transport: T;
  readonly retry: RetryPolicy;
}

/**
 * The calls of the service that an upload needs. Each is repeated while that may help.
 * Every method rejects with `ServiceProblem` when the service refuses, with `Unreachable` when it does not answer, and with an
 * `AbortError` when the signal is aborted.
 */
export class ServiceClient<T extends ServiceTransport = ServiceTransport> {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly transport: T;
  readonly retry: RetryPolicy;
  readonly #options: ServiceOptions<T>;

  constructor(options: ServiceOptions<T>) {
    this.endpoint = options.endpoint.href.replace(/\/+$/, '');
    this.transport = options.transport;
    this.retry = options.retry;
    this.#options = options;
  }

  /**
   * Asks for a slot.
   * @param idempotencyKey visible ASCII, at most 255 characters. For 24 hours the same key and ask give the same slot.
   */
  create(ask: UploadAsk, idempotencyKey: string, signal?: AbortSignal): Promise<SlotWithRequest> {
    return this.call('POST', '', signal, ask, { 'idempotency-key': idempotencyKey });
  }

  /** A fresh request for a slot that is still `issued`; 409 `state_conflict` when it is not. */
  request(id: string, signal?: AbortSignal): Promise<Required<Pick<SlotWithRequest, 'request'>> & Slot> {
    return this.call('POST', `${at(id)}/request`, signal, {});
  }

  /** @param partNumbers at most 100. @returns a request for each, in this order. */
  async requestParts(
    id: string,
    partNumbers: readonly number[],
    signal?: AbortSignal,
  ): Promise<PartRequest[]> {
    const path = `${at(id)}/parts`;
    return (await this.call<{ parts: PartRequest[] }>('POST', path, signal, { partNumbers })).parts;
  }

  /** What S3 has of an upload in parts; 409 `restart_needed` when S3 knows of no such upload any more. */
  async parts(id: string, signal?: AbortSignal): Promise<Part[]> {
    return (await this.call<{ parts: Part[] }>('GET', `${at(id)}/parts`, signal)).parts;
  }

  /**
   * Has the service look in S3: the slot, `uploaded`; or 409 `not_arrived`, `still_completing` or `restart_needed`, or 422 `mismatch`.
   */
  complete(id: string, signal?: AbortSignal): Promise<Slot> {
    return this.call('POST', `${at(id)}/complete`, signal, {});
  }

  /** Has the object removed and then its key destroyed: the slot, `deleting` until both are proven. */
  remove(id: string, signal?: AbortSignal): Promise<Slot> {
    return this.call('DELETE', at(id), signal);
  }

  /** Any call below `/v1/uploads`. */
  async call<Answer>(
    method: ServiceCall['method'],
    path: string,
    signal: AbortSignal | undefined,
    body?: object,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const patience = new Patience(this.retry, signal);
    let mayRenew = this.#options.renewsToken;
    for (;;) {
      // What the caller's own function throws is not tried again.
      const authorization = await this.#options.authorize();
      try {
        const { status, text, retryAfterSeconds } = await this.transport.send({
          method,
          url: `${this.endpoint}/v1/uploads${path}`,
          headers: {
            authorization,
            ...(body && { 'content-type': 'application/json' }),
            ...headers,
          },
          body: body && JSON.stringify(body),
          signal,
        });
        const document = parse(text);
        if (status >= 200 && status <= 299 && document) return document as Answer;
        throw new ServiceProblem(status, document, retryAfterSeconds);
      } catch (error) {
        signal?.throwIfAborted();
        const isRefused = mayRenew && (error as ServiceProblem).status === 401;
        mayRenew &&= !isRefused;
        if (!isRefused) await patience.afterFailure(error);
      }
    }
  }
}

/** The path of a slot. */
export const at = (id: string): string => `/${encodeURIComponent(id)}`;

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
