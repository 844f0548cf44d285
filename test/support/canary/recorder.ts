import type { Json } from '../harness.ts';
import type { Places } from './search.ts';

const KEY_HEADER = 'x-amz-server-side-encryption-customer-key';
/** The calls whose success hands the key out: in one header of the request they give, and nowhere else. */
const HANDS_OUT = new Set([
  'createUpload',
  'createUploads',
  'requestUpload',
  'requestParts',
  'downloadUpload',
]);

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
  /** Grants' tokens that answers told. */
  readonly grants: string[] = [];
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
    // Content is what it is; HEAD has none.
    const isJson = text !== '' && /json/.test(answer.headers.get('content-type') ?? '');
    const body: Json = isJson ? JSON.parse(text) : {};
    this.statuses.set(answer.status, (this.statuses.get(answer.status) ?? 0) + 1);
    const place = `${this.places.size} ${operation}, ${name}: ${answer.status}`;
    let kept = text;
    for (const request of answer.ok && HANDS_OUT.has(operation) ? requestsOf(body) : []) {
      const key: unknown = (request.headers ?? request.fields)?.[KEY_HEADER];
      if (typeof key !== 'string') continue;
      this.handedOut.push(Buffer.from(key, 'base64'));
      // Once for each request: a further copy in the same answer would be a hit.
      kept = kept.replace(`"${KEY_HEADER}":"${key}"`, '');
      this.places.set(`${place} URL decoded`, Buffer.from(decodeURIComponent(String(request.url))));
    }
    if (answer.ok && operation === 'createGrant') {
      const token = String(body.token);
      this.grants.push(token);
      kept = kept.replace(`"token":"${token}"`, '');
    }
    this.places.set(`${place} answer but for its keys`, Buffer.from(kept));
    this.places.set(`${place} headers`, Buffer.from(JSON.stringify([...answer.headers])));
    return { status: answer.status, body };
  }
}

/** Of a slot, a batch, parts, or a download. */
function requestsOf(body: Json): Json[] {
  const slots: Json[] = body.uploads ?? [body];
  return body.parts ?? slots.map((slot) => slot.request ?? slot);
}
