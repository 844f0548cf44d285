import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { idempotencyKey } from '../../../../src/client/node/idempotency.ts';

describe('idempotencyKey', () => {
  const ask = { filename: 'a', contentType: 'text/plain', size: 1, sha256: 'h' };
  const key = idempotencyKey('https://e', '/a', ask, 0);

  it('is the same for the same, and other when anything is', () => {
    assert.equal(
      idempotencyKey(
        'https://e',
        '/a',
        { sha256: 'h', size: 1, contentType: 'text/plain', filename: 'a' },
        0,
      ),
      key,
    );
    assert.match(key, /^[A-Za-z0-9_-]{43}$/);
    const others = [
      idempotencyKey('https://f', '/a', ask, 0),
      idempotencyKey('https://e', '/b', ask, 0),
      idempotencyKey('https://e', '/a', ask, 1),
      ...(['filename', 'contentType', 'sha256'] as const).map((name) =>
        idempotencyKey('https://e', '/a', { ...ask, [name]: 'other' }, 0),
      ),
      idempotencyKey('https://e', '/a', { ...ask, size: 2 }, 0),
    ];
    assert.equal(new Set([key, ...others]).size, others.length + 1);
  });

  it('of what is not PUT, goes by the content even where its hash is not announced, and by all else', () => {
    const { sha256: _announced, ...unhashed } = ask;
    const parts = { ...unhashed, method: 'multipart' } as const;
    const keys = [
      idempotencyKey('https://e', '/a', parts, 0, 'h'),
      idempotencyKey('https://e', '/a', parts, 0, 'other'),
      idempotencyKey('https://e', '/a', { ...parts, sha256: 'h' }, 0, 'h'),
      idempotencyKey('https://e', '/a', { ...parts, partSize: 7 }, 0, 'h'),
      idempotencyKey('https://e', '/a', { ...parts, metadata: { a: '1', b: '2' } }, 0, 'h'),
    ];
    assert.equal(new Set([key, ...keys]).size, 6);
    assert.equal(
      idempotencyKey('https://e', '/a', { ...parts, metadata: { b: '2', a: '1' } }, 0, 'h'),
      keys[4],
    );
    assert.equal(idempotencyKey('https://e', '/a', ask, 0, 'h'), key, 'as it was before there were parts');
  });
});
