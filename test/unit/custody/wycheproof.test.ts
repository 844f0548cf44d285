import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aesGcmOpen, aesGcmSeal, hkdfSha256 } from '../../../src/custody/sealed.ts';
import { hex, readVector } from './vectors.ts';

interface Suite<Test> {
  readonly testGroups: readonly { readonly tests: readonly Test[] }[];
}

interface Outcome {
  readonly tcId: number;
  readonly comment: string;
  readonly result: 'valid' | 'invalid';
}

interface AeadTest extends Outcome {
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
}

interface HkdfTest extends Outcome {
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly size: number;
  readonly okm: string;
}

async function testsOf<Test extends Outcome>(name: string): Promise<{ valid: Test[]; invalid: Test[] }> {
  const { testGroups } = await readVector<Suite<Test>>(`wycheproof/${name}`);
  const tests = testGroups.flatMap((group) => group.tests);
  assert.ok(tests.every(({ result }) => ['valid', 'invalid'].includes(result)));
  const having = (wanted: Outcome['result']) => tests.filter(({ result }) => result === wanted);
  return { valid: having('valid'), invalid: having('invalid') };
}

const named = ({ tcId, comment }: Outcome) => `${tcId} ${comment}`;

describe('Wycheproof', async () => {
  const aead = await testsOf<AeadTest>('aes_gcm_test');
  const hkdf = await testsOf<HkdfTest>('hkdf_sha256_test');
  const open = ({ key, iv, aad, ct, tag }: AeadTest) =>
    aesGcmOpen(hex(key), hex(iv), hex(aad), hex(ct + tag)).toString('hex');
  const derive = ({ ikm, salt, info, size }: HkdfTest) =>
    hkdfSha256(hex(ikm), hex(salt), hex(info), size).toString('hex');

  it('is whole', () => {
    assert.deepEqual([aead.valid.length, aead.invalid.length], [39, 27]);
    assert.deepEqual([hkdf.valid.length, hkdf.invalid.length], [83, 3]);
  });

  it('AES-256-GCM: what is valid is sealed and opened to the byte', () => {
    for (const test of aead.valid) {
      const { key, iv, aad, msg, ct, tag } = test;
      const sealed = aesGcmSeal(hex(key), hex(iv), hex(aad), hex(msg));
      assert.equal(sealed.toString('hex'), ct + tag, named(test));
      assert.equal(open(test), msg, named(test));
    }
  });

  it('AES-256-GCM: what is invalid is refused', () => {
    for (const test of aead.invalid) assert.throws(() => open(test), /authenticate/, named(test));
  });

  it('AES-256-GCM: a tag cut short is refused, though its bytes are right', () => {
    for (const test of aead.valid) {
      for (let digits = 0; digits < test.tag.length; digits += 2) {
        assert.throws(() => open({ ...test, tag: test.tag.slice(0, digits) }), named(test));
      }
    }
  });

  it('HKDF-SHA256: what is valid is derived to the byte', () => {
    for (const test of hkdf.valid) assert.equal(derive(test), test.okm, named(test));
  });

  it('HKDF-SHA256: what is invalid is refused', () => {
    for (const test of hkdf.invalid) assert.throws(() => derive(test), RangeError, named(test));
  });
});
