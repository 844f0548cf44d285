import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeContext } from '../../../src/custody/context.ts';
import { KeyRefused } from '../../../src/custody/errors.ts';
import type { KeyPlace } from '../../../src/custody/port.ts';
import { readVector } from './vectors.ts';

interface Vector {
  readonly wrapperId: string;
  readonly kekId: string;
  readonly place: KeyPlace;
  readonly contextHex: string;
}

const place: KeyPlace = {
  purpose: 'object',
  tenant: 't',
  bucket: 'b',
  objectKey: 'k',
  slot: 's',
  generation: 1,
};

describe('encodeContext', () => {
  it('has one fixed form', () => {
    const golden =
      '\0\0\0\x13sealslot/context/v1' +
      '\0\0\0\x06object' +
      '\0\0\0\x01w' +
      '\0\0\0\x03kek' +
      '\0\0\0\x01t' +
      '\0\0\0\x02\xc3\xbc' +
      '\0\0\0\x03a/b' +
      '\0\0\0\0' +
      '\x01\x02\x03\x04';
    const odd = { ...place, bucket: 'ü', objectKey: 'a/b', slot: '', generation: 0x01020304 };
    assert.equal(encodeContext('w', 'kek', odd).toString('latin1'), golden);
  });

  it('has the form of the vectors, for ever, under each kind of wrapper and for each purpose', async () => {
    const { cases } = await readVector<{ cases: readonly Vector[] }>('contexts');
    for (const { wrapperId, kekId, place: at, contextHex } of cases) {
      assert.equal(encodeContext(wrapperId, kekId, at).toString('hex'), contextHex);
    }
    const all = (name: (vector: Vector) => string) => new Set(cases.map(name)).size;
    assert.equal(
      all(({ contextHex }) => contextHex),
      12,
    );
    assert.deepEqual([all(({ place: { purpose } }) => purpose), all(({ wrapperId }) => wrapperId)], [3, 4]);
  });

  it('encodes no two places alike, wherever the border between two fields lies', () => {
    // Every way to cut texts that resemble the encoding itself into the six free fields.
    const seen = new Map<string, string>();
    for (const text of ['aaaaa', 'a\0\0\0\x01', '\0\0\0\0\0', 'a|b|c']) {
      for (const [wrapperId, kekId, tenant, bucket, objectKey, slot] of cuts(text, 6)) {
        const fields = JSON.stringify([wrapperId, kekId, tenant, bucket, objectKey, slot]);
        const encoded = encodeContext(wrapperId!, kekId!, {
          ...place,
          tenant: tenant!,
          bucket: bucket!,
          objectKey: objectKey!,
          slot: slot!,
        }).toString('hex');
        assert.equal(seen.get(encoded) ?? fields, fields);
        seen.set(encoded, fields);
      }
    }
    assert.ok(seen.size > 700);
  });

  it('tells generations and purposes apart', () => {
    const places: KeyPlace[] = [
      ...[0, 1, 2, 256, 65_536, 0xffff_ffff].map((generation) => ({ ...place, generation })),
      { ...place, purpose: 'intermediate' },
      { ...place, purpose: 'export' },
    ];
    assert.equal(new Set(places.map((p) => encodeContext('w', 'k', p).toString('hex'))).size, places.length);
  });

  it('refuses a place without an unambiguous form', () => {
    for (const generation of [-1, 1.5, NaN, 2 ** 32]) {
      assert.throws(() => encodeContext('w', 'k', { ...place, generation }), KeyRefused);
    }
    for (const field of ['tenant', 'bucket', 'objectKey', 'slot']) {
      assert.throws(() => encodeContext('w', 'k', { ...place, [field]: 'a\ud800' }), KeyRefused);
    }
    assert.throws(() => encodeContext('\udc00', 'k', place), KeyRefused);
  });
});

function* cuts(text: string, parts: number): Generator<string[]> {
  if (parts === 1) {
    yield [text];
    return;
  }
  for (let at = 0; at <= text.length; at++) {
    for (const rest of cuts(text.slice(at), parts - 1)) yield [text.slice(0, at), ...rest];
  }
}
