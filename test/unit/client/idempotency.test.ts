import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { idempotencyKey } from '../../../src/client/idempotency.ts';

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
});
