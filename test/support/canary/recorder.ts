import type { Json } from '../harness.ts';
import type { Places } from './search.ts';

const KEY_HEADER = 'x-amz-server-side-encryption-customer-key';
/** The calls whose success hands the key out: in one header of the request they give, and nowhere else. */
const HANDS_OUT = new Set(['createUpload', 'requestUpload', 'downloadUpload']);

export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends calls and keeps all that came back, but for the keys that were meant to. */
export class Recorder {
  readonly places: Places = new Map();
  /** Customer keys that answers handed out. */
  readonly handedOut: Buffer[] = [];
  /** How often each status came. */
  readonly statuses = new Map<number, number>();
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async send(name: string, operation: string, sent: Sent): Promise<{ status: number; body: Json }> {
    const { method, headers } = sent;
    const answer = await fetch(this.#url + sent.path, {
      method,
      headers,
      ...(sent.body !== undefined && { body: sent.body }),
    });
    const text = await answer.text();
    const body: Json = JSON.parse(text);
    this.statuses.set(answer.status, (this.statuses.get(answer.status) ?? 0) + 1);
    const place = `${this.places.size} ${operation}, ${name}: ${answer.status}`;
    const request = body.request ?? body;
    const key: unknown = request.headers?.[KEY_HEADER];
    if (answer.ok && HANDS_OUT.has(operation) && typeof key === 'string') {
      this.handedOut.push(Buffer.from(key, 'base64'));
      // Once only: a second copy in the same answer would be a hit.
      const kept = text.replace(`"${KEY_HEADER}":"${key}"`, '');
      this.places.set(`${place} answer but for the key`, Buffer.from(kept));
      this.places.set(`${place} URL decoded`, Buffer.from(decodeURIComponent(String(request.url))));
    } else {
      this.places.set(`${place} answer`, Buffer.from(text));
    }
    this.places.set(`${place} headers`, Buffer.from(JSON.stringify([...answer.headers])));
    return { status: answer.status, body };
  }
}
