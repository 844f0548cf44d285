import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { KeyNotMine, KeyRefused, type Refusal } from '../../../src/custody/errors.ts';
import type { KeyPlace } from '../../../src/custody/port.ts';

export async function readVector<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(new URL(`../../vectors/${name}.json`, import.meta.url), 'utf8')) as T;
}

export const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** The bytes with each bit turned, one at a time. */
export function* bitFlips(bytes: Uint8Array): Generator<Buffer, void> {
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    yield flipped;
  }
}

/** Cut short at either end to each length, and lengthened at either. */
export function* otherLengths(bytes: Uint8Array): Generator<Buffer, void> {
  for (let length = 0; length < bytes.length; length += 1) {
    yield Buffer.from(bytes.subarray(0, length));
    yield Buffer.from(bytes.subarray(bytes.length - length));
  }
  for (const more of [Buffer.alloc(1), Buffer.alloc(16), bytes]) {
    yield Buffer.concat([bytes, more]);
    yield Buffer.concat([more, bytes]);
  }
}

const OTHERWISE: { readonly [F in keyof KeyPlace]: readonly KeyPlace[F][] } = {
  purpose: ['object', 'intermediate', 'export'],
  tenant: ['globex', ''],
  bucket: ['other', ''],
  objectKey: ['other', ''],
  slot: ['0196f3a0-7c1e-7b52-9d3c-2f4a6b8c0d99', ''],
  generation: [0, 1, 2, 0xffff_ffff],
};

/** Places that differ in one field. */
export function* otherPlaces(place: KeyPlace): Generator<KeyPlace, void> {
  for (const field of Object.keys(OTHERWISE) as (keyof KeyPlace)[]) {
    for (const value of OTHERWISE[field]) if (value !== place[field]) yield { ...place, [field]: value };
  }
}

/** For `assert.rejects`. */
export const refusedAs = (refusal: Refusal) => (error: unknown) => {
  assert.ok(error instanceof KeyRefused, String(error));
  assert.deepEqual([error.code, error.refusal], ['key_refused', refusal]);
  return true;
};

/** For `assert.rejects`. */
export const notMine = (error: unknown) => {
  assert.ok(error instanceof KeyNotMine, String(error));
  assert.equal(error.code, 'key_not_mine');
  return true;
};

/** For `assert.rejects`: either of the two, which both say that there is no key. */
export const notOpened = (error: unknown) => {
  assert.ok(error instanceof KeyNotMine || error instanceof KeyRefused, String(error));
  return true;
};
