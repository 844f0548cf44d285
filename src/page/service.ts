import { Unreachable } from '../client/browser/index.ts';
import type { Session } from './session.ts';

/** The service is where this page came from, whatever path a proxy puts before both. */
export const ENDPOINT = new URL('..', document.baseURI);

/** A slot, as far as the page shows it. */
export interface Slot {
  readonly id: string;
  readonly state: string;
  readonly filename?: string;
  readonly contentType: string;
  readonly size: number;
  readonly createdAt: string;
  readonly mismatches?: readonly { readonly field: string }[];
}

export interface SlotPage {
  readonly uploads: readonly Slot[];
  readonly nextCursor?: string;
}

/** The service's own words for what it did not do (problem+json). */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/**
 * The calls that a list of slots needs. Uploading is the client's.
 * @throws Refused, Unreachable
 */
export class Service {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async list(state: string, cursor: string | undefined, limit: number): Promise<SlotPage> {
    const query = new URLSearchParams({ limit: String(limit) });
    if (state !== '') query.set('state', state);
    if (cursor !== undefined) query.set('cursor', cursor);
    return (await this.#json('GET', `uploads?${query.toString()}`)) as SlotPage;
  }

  /** @returns a URL that needs no credentials, and until when. */
  async link(
    id: string,
    disposition: 'inline' | 'attachment',
  ): Promise<{ readonly url: string; readonly expiresAt: string }> {
    const body = JSON.stringify({ disposition });
    const { url, expiresAt } = (await this.#json('POST', `uploads/${id}/links`, body)) as {
      url: string;
      expiresAt: string;
    };
    return { url: new URL(url, ENDPOINT).href, expiresAt };
  }

  async content(id: string): Promise<Blob> {
    return (await this.#call('GET', `uploads/${id}/content`)).blob();
  }

  async remove(id: string): Promise<Slot> {
    return (await this.#json('DELETE', `uploads/${id}`)) as Slot;
  }

  async #json(method: string, path: string, body?: string): Promise<unknown> {
    return (await this.#call(method, path, body)).json();
  }

  async #call(method: string, path: string, body?: string): Promise<Response> {
    const { token, ending } = this.#session;
    let answer: Response;
    try {
      answer = await fetch(new URL(`v1/${path}`, ENDPOINT), {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body }),
        signal: ending.signal,
        cache: 'no-store',
      });
    } catch (error) {
      ending.signal.throwIfAborted();
      throw new Unreachable('service', 'Is it running? Try again when it is.', { cause: error });
    }
    if (!answer.ok) throw await refusalOf(answer);
    return answer;
  }
}

async function refusalOf(answer: Response): Promise<Refused> {
  const problem = (await answer.json().catch(() => ({}))) as { code?: unknown; detail?: unknown };
  const { code, detail } = problem;
  return new Refused(
    answer.status,
    typeof code === 'string' ? code : `http_${answer.status}`,
    typeof detail === 'string' ? detail : `The service answered ${answer.status}.`,
  );
}
