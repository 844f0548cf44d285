import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decryptAge } from '../../../src/custody/adapters/age.ts';
import { endLine, headerLine, KeyFileInvalid, keyLine } from '../../../src/custody/key-export.ts';
import { Secret } from '../../../src/secret.ts';
import { chunksOf, readAll, type Seen } from './key-file.ts';
import { bitFlips, readVector } from './vectors.ts';
import { UNANNOUNCED } from '../../../src/uploads/upload.ts';

interface Vector {
  readonly lines: readonly string[];
  readonly age: { readonly lines: readonly string[]; readonly identity: string; readonly file: string };
}

const vector = await readVector<Vector>('key-file');
const plain = Buffer.from(vector.lines.map((line) => `${line}\n`).join(''));
const sealed = Buffer.from(vector.age.file, 'base64');
const by = { identities: [new Secret(vector.age.identity)] };

/** The lines that these items would be written as. */
const writtenAgain = ({ items }: Seen): string[] =>
  items.map((item) => ('exported' in item ? keyLine(item.exported) : item.problem).trimEnd());

const opened = async (bytes: Buffer): Promise<Seen> => {
  try {
    return await readAll(await decryptAge(chunksOf(bytes), by));
  } catch (error) {
    return { items: [], end: undefined, error: error as Error };
  }
};

describe('the vector of a file of keys', () => {
  it('is read, for ever, and would be written again to the byte', async () => {
    const seen = await readAll(chunksOf(plain));
    assert.equal(seen.error, undefined);
    assert.deepEqual(seen.end, { keys: 4, slots: 2, failed: 1 });
    assert.deepEqual(writtenAgain(seen), vector.lines.slice(1, -1));
    assert.equal(headerLine(Date.parse('2026-11-23T12:00:00Z')), `${vector.lines[0]}\n`);
    assert.equal(endLine({ keys: 4, slots: 2, failed: 1 }), `${vector.lines.at(-1)}\n`);
  });

  it('says what its lines say', async () => {
    const { items } = await readAll(chunksOf(plain));
    const said = items.map((item) => ('exported' in item ? item.exported : undefined));
    assert.deepEqual(
      said.map((one) => [one?.standing, one?.generation, one?.versionId, one?.key.bytes()[0]]),
      [
        ['superseded', 1, 'v1', 0x80],
        ['current', 2, 'v2', 0x81],
        ['next', 3, null, 0x82],
        ['current', 1, null, 0x83],
      ],
    );
    assert.deepEqual(said[3]?.slot, {
      id: '0196f3a0-7c1e-7b52-9d3c-2f4a6b8c0d2e',
      tenant: 'acme',
      principal: 'api-key:partner',
      state: 'issued',
      target: 'main',
      bucket: 'acme-uploads',
      objectKey: 'acme/2026/05/0196f3a0-7c1e-7b52-9d3c-2f4a6b8c0d2e/a',
      filename: null,
      contentType: 'text/plain',
      size: 0,
      sha256: null,
      ...UNANNOUNCED,
      metadata: {},
      expiresInSeconds: 60,
      createdAt: Date.UTC(2026, 4, 1, 10),
      expiresAt: Date.UTC(2026, 4, 1, 11),
      urlEndsAt: Date.UTC(2026, 4, 1, 11, 15, 0, 1),
      uploadedAt: null,
      etag: null,
      mismatches: null,
      deletingAt: null,
      nextCheckAt: null,
    });
    assert.equal(said[0]?.slot.filename, 'Übersicht "2026"\u2028.pdf');
  });

  it('cut short anywhere is refused, with no key that was not written', async () => {
    for (let length = 0; length < plain.length; length += 1) {
      const seen = await readAll(chunksOf(plain.subarray(0, length)));
      assert.ok(seen.error instanceof KeyFileInvalid, `${length}`);
      assert.deepEqual(writtenAgain(seen), vector.lines.slice(1, 1 + seen.items.length));
    }
  });

  it('lengthened is refused', async () => {
    for (const more of [Buffer.of(0), Buffer.from('\n'), Buffer.from(' '), plain]) {
      const { error } = await readAll(chunksOf(Buffer.concat([plain, more])));
      assert.ok(error instanceof KeyFileInvalid);
    }
  });
});

describe('the vector of a file of keys under age, which another implementation wrote', () => {
  it('opens, for ever', async () => {
    const seen = await opened(sealed);
    assert.equal(seen.error, undefined);
    assert.deepEqual(writtenAgain(seen), vector.age.lines.slice(1, -1));
  });

  it('gives nothing with any byte changed', async () => {
    // One bit of each byte: a key agreement stands behind each.
    const perByte = [...bitFlips(sealed)].filter((_, bit) => bit % 8 === (bit >> 3) % 8);
    assert.equal(perByte.length, sealed.length);
    for (const [at, changed] of perByte.entries()) {
      const { items, error } = await opened(changed);
      assert.ok(error instanceof KeyFileInvalid, `byte ${at}`);
      assert.equal(error.code, 'key_file_invalid');
      assert.equal(items.length, 0);
    }
  });

  it('gives nothing cut short or lengthened', async () => {
    const cuts = Array.from({ length: Math.ceil(sealed.length / 7) }, (_, n) => sealed.subarray(0, n * 7));
    for (const broken of [...cuts, sealed.subarray(0, -1), Buffer.concat([sealed, Buffer.alloc(1)])]) {
      const { items, error } = await opened(broken);
      assert.ok(error instanceof KeyFileInvalid);
      assert.equal(items.length, 0);
    }
  });
});
