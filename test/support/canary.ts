import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from './harness.ts';

/** A secret that must be found nowhere. */
export interface Canary {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Where was looked, and what was there. */
export type Places = Map<string, Buffer>;

/** Every way in which code is apt to write bytes down. */
export const FORMS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  'raw bytes': (bytes) => bytes,
  hex: (bytes) => Buffer.from(bytes.toString('hex')),
  'upper-case hex': (bytes) => Buffer.from(bytes.toString('hex').toUpperCase()),
  base64: (bytes) => Buffer.from(bytes.toString('base64')),
  'base64 without padding': (bytes) => Buffer.from(bytes.toString('base64').replace(/=+$/, '')),
  base64url: (bytes) => Buffer.from(bytes.toString('base64url')),
  'percent-encoded base64': (bytes) => Buffer.from(encodeURIComponent(bytes.toString('base64'))),
  'percent-encoded base64, lower-case': (bytes) =>
    Buffer.from(
      encodeURIComponent(bytes.toString('base64')).replace(/%../g, (escape) => escape.toLowerCase()),
    ),
  'a Buffer in JSON': (bytes) => Buffer.from([...bytes].join(',')),
  'a Buffer inspected': (bytes) => Buffer.from([...bytes.toString('hex').matchAll(/../g)].join(' ')),
  'UTF-8 in JSON': (bytes) => Buffer.from(JSON.stringify(bytes.toString('utf8')).slice(1, -1)),
  'Latin-1 in JSON': (bytes) => Buffer.from(JSON.stringify(bytes.toString('latin1')).slice(1, -1)),
};

/** @returns each hit as `place: name as form`. */
export function findCanaries(places: Places, canaries: readonly Canary[]): string[] {
  const wanted = canaries.flatMap(({ name, bytes }) =>
    Object.entries(FORMS).map(([form, write]) => ({ what: `${name} as ${form}`, needle: write(bytes) })),
  );
  return [...places].flatMap(([place, content]) =>
    wanted.filter(({ needle }) => content.includes(needle)).map(({ what }) => `${place}: ${what}`),
  );
}

/** All files below a folder, but those that are there to hold a secret. */
export async function addFiles(places: Places, dir: string, keepers: readonly string[]): Promise<void> {
  for (const name of await readdir(dir, { recursive: true })) {
    const path = join(dir, name);
    if (keepers.includes(name) || !(await stat(path)).isFile()) continue;
    places.set(`file ${name}`, await readFile(path));
  }
}

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
