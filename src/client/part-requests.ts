import type { PartRequest } from './model.ts';
import type { ServiceClient } from './service.ts';

/** Hands out requests for parts in their order. They are asked for in small lots shortly before they are needed, as their URLs end. */
export class PartRequests {
  readonly #service: ServiceClient;
  readonly #id: string;
  readonly #signal: AbortSignal;
  readonly #lot: number;
  /** Part numbers that are still to be asked for. */
  readonly #left: number[];
  #ready: PartRequest[] = [];
  #asking: Promise<PartRequest[]> | undefined;

  /** @param lot how many parts to ask for at once, 1 to 100. */
  constructor(
    service: ServiceClient,
    id: string,
    parts: readonly number[],
    lot: number,
    signal: AbortSignal,
  ) {
    this.#service = service;
    this.#id = id;
    this.#left = [...parts];
    this.#lot = lot;
    this.#signal = signal;
  }

  /** @returns undefined when all have been handed out. Rejects as `ServiceClient.requestParts` does. */
  async next(): Promise<PartRequest | undefined> {
    while (this.#ready.length === 0 && (this.#left.length > 0 || this.#asking !== undefined)) {
      const asked = this.#ask();
      const lot = await asked;
      // Of all that waited for it, the first takes the lot over.
      if (this.#asking !== asked) continue;
      this.#asking = undefined;
      this.#ready = lot;
    }
    const request = this.#ready.shift();
    if (this.#ready.length <= this.#lot / 2 && this.#left.length > 0) void this.#ask();
    return request;
  }

  /** Another request for one part, whose URL has ended or is refused. */
  async fresh(partNumber: number): Promise<PartRequest> {
    const [request] = await this.#service.requestParts(this.#id, [partNumber], this.#signal);
    if (request === undefined) throw new Error('the service gave no request for a part');
    return request;
  }

  #ask(): Promise<PartRequest[]> {
    if (this.#asking === undefined) {
      this.#asking = this.#service.requestParts(this.#id, this.#left.splice(0, this.#lot), this.#signal);
      // Nobody may be waiting yet when it fails; who asks for the next one is told.
      this.#asking.catch(() => undefined);
    }
    return this.#asking;
  }
}
