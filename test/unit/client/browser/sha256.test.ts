import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { hashInPieces } from '../../../../src/client/browser/hash-in-pieces.ts';
import { Sha256 } from '../../../../src/client/browser/sha256.ts';

const expected = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64');

describe('Sha256', () => {
  it('agrees with Node for every size around its blocks, whole and in pieces', () => {
    for (let size = 0; size < 260; size += 1) {
      const bytes = randomBytes(size);
      for (const piece of [1, 63, 64, 1000]) {
        const hash = new Sha256();
        for (let at = 0; at < size; at += piece) hash.update(bytes.subarray(at, at + piece));
        assert.equal(Buffer.from(hash.digest()).toString('base64'), expected(bytes), `${size} by ${piece}`);
      }
    }
  });

  it('agrees for a Blob of several pieces', async () => {
    const bytes = randomBytes(9 * 1024 ** 2 + 5);
    assert.equal(await hashInPieces(new Blob([bytes])), expected(bytes));
  });
});
