import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { browserAsks } from '../../../../src/client/browser/browser-asks.ts';

const MIB = 1024 ** 2;
const asks = (size: number, method: 'auto' | 'PUT' | 'multipart' = 'auto') =>
  browserAsks({ contentType: 'a/b', size }, method, undefined).map(
    ({ ask, isHashed }) => `${ask.method ?? 'PUT'}${isHashed ? ' sha256' : ''}`,
  );

describe('browserAsks', () => {
  const parts = ['multipart', 'multipart sha256'];
  it('sends small files whole with a SHA-256, and large ones in parts without, unless told', () => {
    assert.deepEqual(asks(0), ['PUT sha256']);
    assert.deepEqual(asks(16 * MIB), ['PUT sha256', ...parts]);
    assert.deepEqual(asks(16 * MIB + 1), [...parts, 'PUT sha256']);
    assert.deepEqual(asks(64 * MIB + 1), [...parts, 'PUT', 'PUT sha256']);
    assert.deepEqual(asks(5120 * MIB + 1), parts);
    assert.deepEqual(asks(1, 'multipart'), parts);
    assert.deepEqual(asks(100 * MIB, 'PUT'), ['PUT', 'PUT sha256']);
  });
});
