import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { apiKeyAuthenticator, createApiKey } from '../../../src/access/adapters/api-key.ts';
import type { Authenticator } from '../../../src/access/port.ts';
import { DependencyUnavailable, Unauthenticated } from '../../../src/errors.ts';
import type { ApiKeyRecord, ApiKeyStore } from '../../../src/store/port.ts';

const T0 = 1_700_000_000_000;

function setUp(changes: Partial<ApiKeyRecord> = {}, storeChanges: Partial<ApiKeyStore> = {}) {
  const made = createApiKey({
    tenant: 'acme',
    name: 'ci',
    scopes: ['uploads:write'],
    expiresAt: null,
    now: T0,
  });
  const record = { ...made.record, ...changes };
  const touches: number[] = [];
  const clock = { at: T0 };
  const store: ApiKeyStore = {
    insert: () => Promise.reject(new Error('unused')),
    find: async (id) => (id === record.id ? record : undefined),
    list: async () => [record],
    revoke: async () => false,
    touch: async (_id, at) => {
      touches.push(at);
    },
    ...storeChanges,
  };
  const authenticator: Authenticator = apiKeyAuthenticator({ store, now: () => clock.at });
  return { token: made.token.reveal(), record, authenticator, touches, clock };
}

describe('createApiKey', () => {
  it('keeps only the hash of the secret', () => {
    const { token, record } = createApiKey({
      tenant: 'acme',
      name: 'ci',
      scopes: [],
      expiresAt: T0 + 1,
      now: T0,
    });
    const [, id, secret = ''] = /^slk_([0-9a-z]{16})_([\w-]{43})$/.exec(token.reveal()) ?? [];
    assert.equal(record.id, id);
    assert.deepEqual(Buffer.from(record.secretHash), createHash('sha256').update(secret).digest());
    assert.equal(Buffer.from(secret, 'base64url').length, 32);
    assert.ok(!inspect({ token, record }).includes(secret));
    assert.deepEqual(
      { ...record, id: '', secretHash: '' },
      {
        ...{
          id: '',
          secretHash: '',
          tenant: 'acme',
          name: 'ci',
          scopes: [],
          createdAt: T0,
          expiresAt: T0 + 1,
        },
        ...{ revokedAt: null, lastUsedAt: null },
      },
    );
  });

  it('never makes the same key twice', () => {
    const ask = { tenant: 'acme', name: 'ci', scopes: [], expiresAt: null, now: T0 };
    assert.equal(new Set(Array.from({ length: 100 }, () => createApiKey(ask).token.reveal())).size, 100);
  });
});

describe('apiKeyAuthenticator', () => {
  it('knows the principal', async () => {
    const { authenticator, token } = setUp();
    assert.deepEqual(await authenticator.authenticate(token), {
      tenant: 'acme',
      id: 'key:ci',
      scopes: new Set(['uploads:write']),
    });
  });

  it('takes secrets with underscores', async () => {
    const secret = '_'.repeat(43);
    const { authenticator, record } = setUp({ secretHash: createHash('sha256').update(secret).digest() });
    assert.equal((await authenticator.authenticate(`slk_${record.id}_${secret}`))?.id, 'key:ci');
  });

  it("leaves other kinds' tokens alone", async () => {
    for (const token of ['a.b.c', 'SLK_x', 'slk', '']) {
      assert.equal(await setUp().authenticator.authenticate(token), undefined);
    }
  });

  const A43 = 'A'.repeat(43);
  const bad: [string, (token: string, id: string) => string, Partial<ApiKeyRecord>?][] = [
    ['a wrong secret', (_, id) => `slk_${id}_${A43}`],
    ['an unknown id', (token, id) => token.replace(id, '0'.repeat(16))],
    ['an id in upper case', (token) => token.replace(/slk_\w{16}/, 'slk_ABCDEF0123456789')],
    ['a cut secret', (token) => token.slice(0, -1)],
    ['a longer secret', (token) => `${token}A`],
    ['no secret', (_, id) => `slk_${id}_`],
    ['no id', () => `slk__${A43}`],
    ['the prefix only', () => 'slk_'],
    ['a new line behind', (token) => `${token}\n`],
    ['an expired key', (token) => token, { expiresAt: T0 }],
    ['a revoked key', (token) => token, { revokedAt: T0 - 1 }],
    ['a hash of the wrong length', (token) => token, { secretHash: new Uint8Array(0) }],
  ];
  for (const [what, change, record] of bad) {
    it(`refuses ${what}`, async () => {
      const { authenticator, token, record: stored, touches } = setUp(record);
      await assert.rejects(authenticator.authenticate(change(token, stored.id)), (error: unknown) => {
        assert.ok(error instanceof Unauthenticated);
        assert.equal(error.message, 'The API key is not valid.');
        assert.ok(error.cause instanceof Error);
        assert.ok(!inspect(error).includes(token.slice(-43)));
        return true;
      });
      assert.deepEqual(touches, []);
    });
  }

  it('takes a key until just before its end', async () => {
    const { authenticator, token } = setUp({ expiresAt: T0 + 1 });
    assert.ok(await authenticator.authenticate(token));
  });

  it('notes the last use at most once a minute', async () => {
    const { authenticator, token, touches, clock } = setUp();
    for (const at of [0, 1, 59_999, 60_000, 60_001, 120_000]) {
      clock.at = T0 + at;
      await authenticator.authenticate(token);
    }
    assert.deepEqual(touches, [T0, T0 + 60_000, T0 + 120_000]);
  });

  it('honours a last use that another process noted', async () => {
    const { authenticator, token, touches } = setUp({ lastUsedAt: T0 - 59_999 });
    await authenticator.authenticate(token);
    assert.deepEqual(touches, []);
  });

  for (const [what, touch] of [
    ['rejects', () => Promise.reject(new Error('disk full'))],
    ['never ends', () => Promise.withResolvers<undefined>().promise],
    [
      'throws',
      () => {
        throw new Error('disk full');
      },
    ],
  ] as const) {
    it(`goes on when noting the last use ${what}`, async () => {
      const { authenticator, token } = setUp({}, { touch });
      assert.equal((await authenticator.authenticate(token))?.tenant, 'acme');
    });
  }

  it('passes on that the store is down', async () => {
    const down = new DependencyUnavailable('store', new Error('down'));
    const { authenticator, token } = setUp({}, { find: () => Promise.reject(down) });
    await assert.rejects(authenticator.authenticate(token), down);
  });
});
