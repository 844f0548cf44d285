import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { decryptAge, encryptAge, type AgeIdentities } from '../../../src/custody/adapters/age.ts';
import { headerLine, KeyFileInvalid, keyLine, type ExportedKey } from '../../../src/custody/key-export.ts';
import { Secret } from '../../../src/secret.ts';
import { NOW } from '../../contract/store-rows.ts';
import { chunksOf, exportedOf, fileOf, makeIdentity, readAll, spelled, withSecret } from './key-file.ts';

const plain = (text: string, size?: number) => chunksOf(Buffer.from(text), size);
const NULLS = { filename: null, sha256: null, uploadedAt: null, etag: null, nextCheckAt: null };
const FULL = {
  state: 'deleting',
  filename: 'ü\u2028"\\.pdf',
  sha256: 'x'.repeat(44),
  method: 'multipart',
  partSize: 5_242_880,
  multipartUploadId: 'an id of S3',
  mismatches: [{ field: 'size', expected: 1, actual: null }],
  metadata: { __proto: 'a', 'Odd-Näme': '' },
  uploadedAt: NOW + 1,
  etag: '"e"',
  deletingAt: NOW + 2,
  nextCheckAt: NOW + 3,
} as const;

function someKeys(): ExportedKey[] {
  const [one, two, three] = [exportedOf(1), exportedOf(2), exportedOf(3)];
  return [
    { ...one, slot: { ...one.slot, ...NULLS } },
    { ...two, standing: 'superseded', versionId: 'v1' },
    { ...two, generation: 2, versionId: 'v2' },
    { ...two, generation: 3, standing: 'next' },
    { ...three, slot: { ...three.slot, ...FULL } },
  ];
}

describe('the lines of a file of keys', () => {
  it('come back as they were written, wherever the stream is cut into chunks', async () => {
    const keys = someKeys();
    for (const size of [1, 7, 100_000]) {
      const { items, end, error } = await readAll(plain(fileOf(keys, { failed: 2 }), size));
      assert.equal(error, undefined);
      assert.deepEqual(spelled(items), keys.map(withSecret));
      assert.deepEqual(end, { keys: 5, slots: 3, failed: 2 });
    }
  });

  it('each has what a row of an import has, and says so of what is not null only', () => {
    const [first] = someKeys();
    const line = JSON.parse(keyLine(first!)) as Record<string, unknown>;
    const { bucket, objectKey } = first!.slot;
    const customerKey = first!.key.bytes().toString('base64');
    assert.deepEqual(Object.entries(line).slice(0, 3), Object.entries({ bucket, objectKey, customerKey }));
    for (const absent of ['versionId', 'filename', 'sha256', 'uploadedAt', 'etag', 'isNext']) {
      assert.equal(absent in line, false, absent);
    }
  });

  it('a file that ends early, anywhere, is refused; what came before is given', async () => {
    const keys = someKeys();
    const whole = fileOf(keys);
    const bytes = Buffer.from(whole);
    const ends = [...bytes.keys()].filter((at) => bytes[at] === 10).map((at) => at + 1);
    for (const at of [
      0,
      1,
      ...ends.slice(0, -1),
      ...ends.map((end) => end - 1),
      ...ends.map((e) => e - 20),
    ]) {
      const { items, error } = await readAll(chunksOf(bytes.subarray(0, at)));
      assert.ok(error instanceof KeyFileInvalid, `${at}`);
      assert.deepEqual(spelled(items), keys.slice(0, items.length).map(withSecret));
    }
  });

  it('so is one that goes on behind its end, has fewer keys than it says, another version, or no UTF-8', async () => {
    const keys = someKeys();
    const whole = fileOf(keys);
    const wrong: [string, RegExp][] = [
      [whole + whole, /behind its end/],
      [whole + keyLine(keys[0]!), /behind its end/],
      [fileOf(keys, { keys: 6 }), /has 5 keys.*says 6/],
      [whole.replace('"version":1', '"version":2'), /version 1/],
      [whole.slice(headerLine(NOW).length), /version 1/],
      ['{}\n', /version 1/],
      [`${headerLine(NOW)}${'x'.repeat(70_000)}`, /too long/],
    ];
    for (const [text, words] of wrong) {
      const { error } = await readAll(plain(text));
      assert.ok(error instanceof KeyFileInvalid);
      assert.match(error.message, words);
    }
    const { error } = await readAll(chunksOf(Buffer.concat([Buffer.from(headerLine(NOW)), Buffer.of(0xff)])));
    assert.match(error?.message ?? '', /UTF-8/);
  });

  it('a line that is not as it must be is named, not quoted, and those after it are read', async () => {
    const keys = someKeys();
    const line = keyLine(keys[0]!);
    const secret = keys[0]!.key.bytes().toString('base64');
    // The same 32 bytes, with a bit beside them that no decoder looks at.
    const odd = `${secret.slice(0, -2)}${String.fromCharCode(secret.charCodeAt(42) + 1)}=`;
    const wrong = [
      line.replace(secret, secret.slice(1)),
      line.replace(secret, odd),
      line.replace('"size":', '"size":-'),
      line.replace('"state":"issued"', '"state":"deleted"'),
      line.replace(/"slot":"/, '"slot":"../'),
      line.replace(/"createdAt":"\d{4}/, '"createdAt":"9x99'),
      line.replace(/"createdAt":"\d{4}-\d\d/, '"createdAt":"2026-13'),
      line.replace('"generation":1', '"generation":0'),
      line.replace('"principal"', '"nobody"'),
      `${secret}\n`,
      `"${secret}"\n`,
      '\n',
    ];
    for (const text of wrong) {
      const file = fileOf([keys[0]!, keys[4]!]).replace(line, text);
      assert.notEqual(file, fileOf([keys[0]!, keys[4]!]));
      const { items, error } = await readAll(plain(file));
      assert.equal(error, undefined);
      const [bad, good] = items;
      assert.ok(bad && 'problem' in bad, text);
      assert.equal(bad.line, 2);
      assert.equal(bad.problem.includes(secret.slice(1, 40)), false);
      assert.ok(good && 'exported' in good);
    }
  });

  it('a key prints as nothing', async () => {
    const { items } = await readAll(plain(fileOf(someKeys())));
    assert.match(JSON.stringify(items[0]), /"key":"\[redacted\]"/);
  });
});

const CHUNK = 64 * 1024;

describe('files of keys under age', () => {
  const keys = Array.from({ length: 300 }, (_, n) => exportedOf(n + 1));
  const whole = Buffer.from(fileOf(keys));
  assert.ok(whole.length > 2 * CHUNK + 1000 && whole.length < 4 * CHUNK);

  const closed = async (to: Parameters<typeof encryptAge>[1], bytes: Buffer = whole): Promise<Buffer> =>
    buffer(await encryptAge(chunksOf(bytes, 777), to));
  const opened = async (sealed: Buffer, by: AgeIdentities, size?: number) => {
    try {
      return await readAll(await decryptAge(chunksOf(sealed, size), by));
    } catch (error) {
      return { items: [], end: undefined, error: error as Error };
    }
  };
  /** Refused, and given nothing that was not written. */
  const refuses = async (sealed: Buffer, by: AgeIdentities, what: string): Promise<number> => {
    const { items, error } = await opened(sealed, by);
    assert.ok(error instanceof KeyFileInvalid, what);
    assert.deepEqual(spelled(items), keys.slice(0, items.length).map(withSecret), what);
    return items.length;
  };

  it('for recipients: each of them opens it, and nobody else', async () => {
    const [one, two, other] = await Promise.all([makeIdentity(), makeIdentity(), makeIdentity()]);
    const sealed = await closed({ recipients: [one.recipient, two.recipient] });
    assert.match(sealed.toString('latin1'), /^age-encryption\.org\/v1\n/);
    assert.equal(sealed.includes(keys[0]!.slot.objectKey), false);
    for (const { identity } of [one, two]) {
      const { items, end, error } = await opened(sealed, { identities: [other.identity, identity] }, 333);
      assert.equal(error, undefined);
      assert.deepEqual(end, { keys: 300, slots: 300, failed: 0 });
      assert.deepEqual(spelled(items), keys.map(withSecret));
    }
    const { error } = await opened(sealed, { identities: [other.identity] });
    assert.match(error?.message ?? '', /Neither this identity nor this passphrase/);
  });

  it('for a passphrase: that one opens it, and no other', async () => {
    const sealed = await closed({ passphrase: new Secret('four words of a list') });
    const { items, error } = await opened(sealed, { passphrase: new Secret('four words of a list') });
    assert.equal(error, undefined);
    assert.equal(items.length, 300);
    const wrong = await opened(sealed, { passphrase: new Secret('four words of a lisp') });
    assert.match(wrong.error?.message ?? '', /Neither this identity nor this passphrase/);
  });

  it('any byte changed, anywhere, is noticed before anything of its chunk is given', async () => {
    const { identity, recipient } = await makeIdentity();
    const sealed = await closed({ recipients: [recipient] });
    const payload = sealed.indexOf('\n---') + sealed.subarray(sealed.indexOf('\n---') + 1).indexOf(10) + 2;
    const sealedChunk = CHUNK + 16;
    const firstOfSecond = payload + 16 + sealedChunk;
    const linesBefore = (plainBytes: number) =>
      whole.subarray(0, plainBytes).toString().split('\n').length - 2;
    const offsets = [
      0,
      5,
      30,
      40,
      70,
      100,
      150,
      payload - 20,
      payload - 2,
      payload,
      payload + 15,
      payload + 16,
    ];
    const later = [firstOfSecond - 1, firstOfSecond, firstOfSecond + 40_000, firstOfSecond + sealedChunk];
    for (const at of [...offsets, ...later, sealed.length - 17, sealed.length - 1]) {
      const changed = Buffer.from(sealed);
      changed[at]! ^= 1;
      const given = await refuses(changed, { identities: [identity] }, `byte ${at}`);
      const chunk = Math.max(0, Math.floor((at - payload - 16) / sealedChunk));
      assert.ok(given <= Math.max(0, linesBefore(chunk * CHUNK)), `byte ${at}: ${given} lines`);
    }
  });

  it('a file cut short is noticed at every border, of chunks and of lines', async () => {
    const { identity, recipient } = await makeIdentity();
    const sealed = await closed({ recipients: [recipient] });
    const last = sealed.length - (whole.length % CHUNK) - 16;
    const cuts = [
      0,
      10,
      150,
      last,
      last - 1,
      last + 1,
      last - CHUNK - 16,
      sealed.length - 1,
      sealed.length - 16,
    ];
    for (const at of cuts) await refuses(sealed.subarray(0, at), { identities: [identity] }, `cut at ${at}`);
    // What was cut before it was closed, age finds whole.
    for (const at of [whole.lastIndexOf('\n', -2) + 1, CHUNK, 2 * CHUNK]) {
      const short = await closed({ recipients: [recipient] }, whole.subarray(0, at));
      await refuses(short, { identities: [identity] }, `closed at ${at}`);
    }
  });

  it('two files in one, or something behind the end, is refused', async () => {
    const { identity, recipient } = await makeIdentity();
    const sealed = await closed({ recipients: [recipient] });
    await refuses(Buffer.concat([sealed, sealed]), { identities: [identity] }, 'twice');
    await refuses(Buffer.concat([sealed, Buffer.of(0)]), { identities: [identity] }, 'one byte more');
    const short = await closed({ recipients: [recipient] }, Buffer.from(fileOf(keys.slice(0, 2))));
    assert.equal(await refuses(Buffer.concat([short, short]), { identities: [identity] }, 'twice, short'), 0);
  });

  it('what is no age file, or no identity or recipient, is told without quoting it', async () => {
    const { identity, recipient } = await makeIdentity();
    const { error } = await opened(Buffer.from('-----BEGIN AGE ENCRYPTED FILE-----\n'), {
      identities: [identity],
    });
    assert.match(error?.message ?? '', /binary form/);
    const broken = new Secret(identity.reveal().slice(0, -1));
    for (const attempt of [
      () => decryptAge(chunksOf(whole), { identities: [broken] }),
      () => encryptAge(chunksOf(whole), { recipients: [recipient, recipient.slice(0, -1)] }),
    ]) {
      const failure = await attempt().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.ok(failure instanceof KeyFileInvalid);
      assert.equal(failure.cause, undefined);
      assert.equal(failure.message.includes(identity.reveal().slice(20, 40)), false);
      assert.equal(failure.message.includes(recipient.slice(10, 40)), false);
    }
  });

  it('a source that cannot be read on is told as what it is', async () => {
    const { identity, recipient } = await makeIdentity();
    const sealed = await closed({ recipients: [recipient] });
    for (const at of [10, sealed.length - 1000]) {
      const eio = Object.assign(new Error('read failed'), { code: 'EIO' });
      async function* failing() {
        yield* chunksOf(sealed.subarray(0, at));
        throw eio;
      }
      const reading = decryptAge(failing(), { identities: [identity] })
        .then(readAll)
        .then(({ error }) => error);
      assert.equal(await reading.catch((error: unknown) => error), eio);
    }
    await assert.rejects(
      async () =>
        buffer(
          await encryptAge(
            (async function* () {
              yield Buffer.from('x');
              throw new Error('no more keys');
            })(),
            { recipients: [recipient] },
          ),
        ),
      /no more keys/,
    );
  });
});
