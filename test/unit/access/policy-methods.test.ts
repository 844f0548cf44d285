import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { authoriseUpload, judgeUpload, type UploadAsk } from '../../../src/access/policy.ts';
import { InvalidRequest, PolicyRefused } from '../../../src/errors.ts';
import { sizeOfPart } from '../../../src/uploads/part-sizes.ts';
import { UPLOAD_METHODS } from '../../../src/uploads/upload.ts';
import { tenantConfig } from './tenant.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
/** 48.8 TiB. */
const LARGEST = 10_000 * 5 * GIB;
const wide = tenantConfig({ methods: [...UPLOAD_METHODS], maxSizeBytes: LARGEST, contentTypes: ['*'] });
const ask = (changes: Partial<UploadAsk> = {}): UploadAsk => ({ contentType: 'a/b', size: 1, ...changes });
const multipart = (changes: Partial<UploadAsk> = {}) => ask({ method: 'multipart', ...changes });

function pathsOf(asked: UploadAsk, policy = wide) {
  const { invalid, refused } = judgeUpload(policy, asked);
  const paths = (errors: readonly { path: string }[]) => errors.map(({ path }) => path);
  return { invalid: paths(invalid), refused: paths(refused) };
}
const FINE = { invalid: [], refused: [] };
const invalid = (...paths: string[]) => ({ invalid: paths, refused: [] });
const refused = (...paths: string[]) => ({ invalid: [], refused: paths });

describe('methods of uploads', () => {
  it('only those that the policy names; PUT is meant when none is asked for', () => {
    for (const allowed of UPLOAD_METHODS) {
      const policy = { ...wide, methods: [allowed] };
      for (const method of UPLOAD_METHODS) {
        const expected = method === allowed ? FINE : refused('/method');
        assert.deepEqual(pathsOf(ask({ method }), policy), expected, `${method} where ${allowed} is allowed`);
      }
      assert.deepEqual(pathsOf(ask(), policy), allowed === 'PUT' ? FINE : refused('/method'));
    }
  });

  it('the method asked for is never changed for another', () => {
    for (const method of UPLOAD_METHODS) {
      assert.equal(authoriseUpload(wide, ask({ method, size: 4 * GIB })).method, method);
    }
  });

  it('one PUT or POST takes 5 GiB, not a byte more', () => {
    for (const method of [undefined, 'PUT', 'POST'] as const) {
      assert.deepEqual(pathsOf(ask({ method, size: 5 * GIB })), FINE);
      assert.deepEqual(pathsOf(ask({ method, size: 5 * GIB + 1 })), refused('/size'));
    }
    assert.deepEqual(pathsOf(multipart({ size: 5 * GIB + 1 })), FINE);
  });

  it('the policy’s own bound holds for each', () => {
    const policy = { ...wide, maxSizeBytes: 1000 };
    for (const method of UPLOAD_METHODS) {
      assert.deepEqual(pathsOf(ask({ method, size: 1000 }), policy), FINE);
      assert.deepEqual(pathsOf(ask({ method, size: 1001 }), policy), refused('/size'));
    }
  });

  it('throws what is invalid before what is refused', () => {
    const wrong = ask({ method: 'POST', partSize: 5 * MIB, size: 6 * GIB });
    assert.throws(() => authoriseUpload(wide, wrong), InvalidRequest);
    assert.throws(() => authoriseUpload(wide, ask({ size: 6 * GIB })), PolicyRefused);
  });
});

describe('parts', () => {
  it('are 16 MiB where that is enough, else as much as keeps them within 10,000', () => {
    const partSize = (size: number) => authoriseUpload(wide, multipart({ size })).partSize;
    assert.equal(partSize(1), 16 * MIB);
    assert.equal(partSize(16 * MIB * 10_000), 16 * MIB);
    assert.equal(partSize(16 * MIB * 10_000 + 1), 17 * MIB);
    assert.equal(partSize(LARGEST), 5 * GIB);
    assert.equal(authoriseUpload(wide, ask()).partSize, null);
  });

  it('of any size: at most 10,000 within S3’s bounds, which cover the object exactly', () => {
    const sizes = fc.oneof(
      fc.integer({ min: 1, max: LARGEST }),
      fc.integer({ min: 1, max: 64 * MIB }),
      // Around every bound between two part sizes.
      fc
        .tuple(fc.integer({ min: 1, max: 5 * 1024 }), fc.integer({ min: -2, max: 2 }))
        .map(([mib, off]) => Math.min(mib * MIB * 10_000 + off, LARGEST)),
    );
    const asked = fc.option(fc.integer({ min: 5 * MIB, max: 5 * GIB }), { nil: undefined });
    const property = fc.property(sizes, asked, (size, wanted) => {
      const { invalid: wrong, granted } = judgeUpload(wide, multipart({ size, partSize: wanted }));
      if (wrong.length > 0) {
        assert.deepEqual(
          wrong.map(({ path }) => path),
          ['/partSize'],
        );
        assert.ok(wanted !== undefined && Math.ceil(size / wanted) > 10_000, 'it would have been enough');
        assert.match(wrong[0]?.message ?? '', new RegExp(`at least ${String(granted.partSize)} `));
      }
      const { partSize } = granted;
      assert.ok(partSize !== null && partSize >= 5 * MIB && partSize <= 5 * GIB, String(partSize));
      if (wanted !== undefined && wrong.length === 0) assert.equal(partSize, wanted);
      const count = Math.ceil(size / partSize);
      assert.ok(count >= 1 && count <= 10_000, `${count} parts`);
      const last = sizeOfPart({ size, partSize }, count);
      assert.ok(last >= 1 && last <= partSize);
      assert.equal((count - 1) * partSize + last, size);
      if (count > 1) assert.equal(sizeOfPart({ size, partSize }, 1), partSize);
    });
    fc.assert(property, { numRuns: 5_000, examples: [[10_000 * 5 * MIB + 1, 5 * MIB + 1]] });
  });

  it('a part size is for multipart only, and a multipart upload has at least one byte', () => {
    for (const method of [undefined, 'PUT', 'POST'] as const) {
      assert.deepEqual(pathsOf(ask({ method, partSize: 5 * MIB })), invalid('/partSize'));
      assert.deepEqual(pathsOf(ask({ method, size: 0 })), FINE);
    }
    assert.deepEqual(pathsOf(multipart({ size: 0 })), invalid('/size'));
  });
});

describe('SHA-256', () => {
  const sha256 = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
  const cases = [
    // verify, requireSha256, what is refused of multipart [without, with] a SHA-256
    ['head', false, FINE, refused('/sha256')],
    ['head', true, refused('/sha256'), refused('/sha256')],
    ['stream', false, FINE, FINE],
    ['stream', true, refused('/sha256'), FINE],
  ] as const;
  for (const [verify, requireSha256, without, withOne] of cases) {
    it(`verify: ${verify}, requireSha256: ${requireSha256}`, () => {
      const policy = { ...wide, verify, requireSha256 };
      assert.deepEqual(pathsOf(multipart(), policy), without);
      assert.deepEqual(pathsOf(multipart({ sha256 }), policy), withOne);
      // S3 itself checks that of what comes whole.
      for (const method of ['PUT', 'POST'] as const) {
        assert.deepEqual(pathsOf(ask({ method, sha256 }), policy), FINE);
        assert.deepEqual(pathsOf(ask({ method }), policy), requireSha256 ? refused('/sha256') : FINE);
      }
    });
  }

  it('says which way out there is', () => {
    const message = (changes: object, asked: UploadAsk) =>
      judgeUpload({ ...wide, ...changes }, asked)
        .refused.map((error) => error.message)
        .join();
    assert.match(message({}, multipart({ sha256 })), /not checked for multipart here: leave it out/);
    assert.match(message({ requireSha256: true }, multipart()), /rules out multipart here: use PUT/);
    assert.equal(message({ requireSha256: true, verify: 'stream' }, multipart()), 'is required');
  });
});
