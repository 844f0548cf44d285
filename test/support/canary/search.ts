import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

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
