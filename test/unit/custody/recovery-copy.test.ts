import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { intermediateCopy, readIntermediateCopy } from '../../../src/custody/intermediate-copy.ts';
import type { IntermediateKey } from '../../../src/custody/intermediate.ts';
import { holdsCopy, readRecoveryTags, recoveryTags, withCopy } from '../../../src/custody/recovery-copy.ts';
import type { KeyPlace, WrappedKey } from '../../../src/custody/port.ts';
import { KeyUnusable } from '../../../src/errors.ts';

interface Vector {
  readonly place: KeyPlace;
  readonly wrapperId: string;
  readonly kekId: string;
  readonly bytesHex: string;
  readonly tags: Record<string, string>;
  readonly intermediate: {
    readonly key: Omit<IntermediateKey, 'wrapped'>;
    readonly objectKey: string;
    readonly text: string;
  };
}

const vector = JSON.parse(
  await readFile(new URL('../../vectors/recovery-copy.json', import.meta.url), 'utf8'),
) as Vector;
const { place, wrapperId, kekId } = vector;
const wrapped: WrappedKey = { wrapperId, kekId, bytes: Buffer.from(vector.bytesHex, 'hex') };
const tags = recoveryTags(place, wrapped);

describe('a copy in tags', () => {
  it('has the form of the vector, for ever', () => {
    assert.deepEqual(tags, vector.tags);
    assert.deepEqual(readRecoveryTags(vector.tags), {
      tenant: place.tenant,
      slot: place.slot,
      generation: place.generation,
      wrapped,
    });
  });

  it('of any length that wrappers make comes back as it was, within the limits of S3', () => {
    for (const length of [1, 61, 191, 192, 193, 384, 600, 1536]) {
      const long = {
        wrapperId,
        kekId: `arn:aws:kms:eu-central-1:1:key/${length}`,
        bytes: randomBytes(length),
      };
      const made = recoveryTags({ ...place, generation: 4_294_967_295 }, long);
      assert.ok(Object.keys(made).length <= 10);
      for (const value of Object.values(made)) assert.match(value, /^[A-Za-z0-9 +\-=._:/@]{1,256}$/);
      const read = readRecoveryTags(made);
      assert.deepEqual(read?.wrapped, long, String(length));
      assert.equal(read.generation, 4_294_967_295);
    }
  });

  it('that S3 would not take is refused in words that name the setting', () => {
    for (const wrong of [
      { ...wrapped, kekId: 'ключ' },
      { ...wrapped, kekId: 'a,b' },
      { ...wrapped, kekId: 'k'.repeat(256) },
      { ...wrapped, bytes: randomBytes(1537) },
    ]) {
      assert.throws(
        () => recoveryTags(place, wrong),
        (error) => error instanceof KeyUnusable && /custody\.recovery/.test(error.message),
      );
    }
  });

  it('is not read when anything about it is not as it was written', () => {
    const long = recoveryTags(place, { ...wrapped, bytes: randomBytes(300) });
    const { 'sealslot-place': placeTag, 'sealslot-kek': kekTag, 'sealslot-key': keyTag = '' } = tags;
    const { 'sealslot-key': first, 'sealslot-key-2': second = '', ...rest } = long;
    assert.ok(readRecoveryTags(long));
    const hostile: [string, Record<string, string | undefined>][] = [
      ['nothing', {}],
      ['no place', { ...tags, 'sealslot-place': undefined }],
      ['no KEK', { ...tags, 'sealslot-kek': undefined }],
      ['no key', { ...tags, 'sealslot-key': undefined }],
      ['an empty key', { ...tags, 'sealslot-key': '' }],
      ['another version', { ...tags, 'sealslot-place': placeTag?.replace('1/', '2/') }],
      ['generation 0', { ...tags, 'sealslot-place': placeTag?.replace(/\d+$/, '0') }],
      ['generation 01', { ...tags, 'sealslot-place': placeTag?.replace(/\d+$/, '01') }],
      ['generation 2^32', { ...tags, 'sealslot-place': placeTag?.replace(/\d+$/, '4294967296') }],
      ['an id in capitals', { ...tags, 'sealslot-place': placeTag?.toUpperCase() }],
      ['a line feed', { ...tags, 'sealslot-place': `${placeTag}\n` }],
      ['a tenant with a slash', { ...tags, 'sealslot-place': placeTag?.replace('acme', 'ac/me') }],
      ['no KEK id', { ...tags, 'sealslot-kek': `${wrapperId}/` }],
      ['no wrapper', { ...tags, 'sealslot-kek': kekTag?.replace(wrapperId, '') }],
      ['base64url', { ...tags, 'sealslot-key': keyTag.replaceAll('+', '-').replaceAll('/', '_') }],
      ['no padding', { ...tags, 'sealslot-key': keyTag.replace(/=+$/, '') }],
      ['a space in it', { ...tags, 'sealslot-key': `${keyTag.slice(0, 4)} ${keyTag.slice(4)}` }],
      ['a chunk missing', { ...rest, 'sealslot-key-2': second }],
      ['chunks exchanged', { ...long, 'sealslot-key': second, 'sealslot-key-2': first }],
      ['a chunk skipped', { ...rest, 'sealslot-key': first, 'sealslot-key-3': second }],
      ['a chunk too many', { ...tags, 'sealslot-key-2': '' }],
      ['an unknown name of ours', { ...tags, 'sealslot-more': 'x' }],
    ];
    for (const [what, found] of hostile) {
      assert.equal(
        readRecoveryTags(JSON.parse(JSON.stringify(found)) as Record<string, string>),
        undefined,
        what,
      );
    }
  });

  it('stands beside the tags of others, and replaces all of another copy', () => {
    const others = { project: 'x', sealslot: 'theirs' };
    const long = recoveryTags(place, { ...wrapped, bytes: randomBytes(300) });
    const merged = withCopy({ ...others, ...long }, tags);
    assert.deepEqual(merged, { ...others, ...tags });
    assert.deepEqual(readRecoveryTags(merged)?.wrapped, wrapped);
    assert.ok(holdsCopy(merged, tags));
    assert.ok(!holdsCopy({ ...others, ...long }, tags));
    assert.ok(!holdsCopy({ ...tags, 'sealslot-key-2': 'AA==' }, tags));
  });
});

describe('the copy of an intermediate key', () => {
  const key: IntermediateKey = { ...vector.intermediate.key, wrapped };
  const copy = intermediateCopy(key);

  it('has the form and name of the vector, for ever', () => {
    assert.equal(copy.objectKey, vector.intermediate.objectKey);
    assert.equal(Buffer.from(copy.bytes).toString(), vector.intermediate.text);
    assert.deepEqual(readIntermediateCopy(Buffer.from(vector.intermediate.text)), key);
  });

  it('is not read when anything about it is not as it was written', () => {
    const text = vector.intermediate.text;
    const fields = JSON.parse(text) as Record<string, unknown>;
    const hostile: [string, string][] = [
      ['nothing', ''],
      ['no object', 'null'],
      ['an array', '[]'],
      ['half of it', text.slice(0, 80)],
      ['white space', `${text}\n`],
      ['another version', JSON.stringify({ ...fields, v: 2 })],
      ['a further field', JSON.stringify({ ...fields, x: 1 })],
      ['another order', JSON.stringify(Object.fromEntries(Object.entries(fields).toReversed()))],
      ['a tenant with a slash', JSON.stringify({ ...fields, tenant: '../acme' })],
      ['no period', JSON.stringify({ ...fields, period: 'today' })],
      ['version 0', JSON.stringify({ ...fields, version: 0 })],
      ['a version in letters', JSON.stringify({ ...fields, version: '1' })],
      ['a broken id', JSON.stringify({ ...fields, id: '../x' })],
      ['no KEK', JSON.stringify({ ...fields, kekId: '' })],
      ['no base64', JSON.stringify({ ...fields, wrapped: '????' })],
      ['no time', JSON.stringify({ ...fields, createdAt: -1 })],
    ];
    for (const [what, bytes] of hostile) {
      assert.equal(readIntermediateCopy(Buffer.from(bytes)), undefined, what);
    }
  });
});
