import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DependencyUnavailable } from '../../src/errors.ts';
import type { ApiKeyRecord } from '../../src/store/port.ts';
import { NOW, type OpenedStore } from './store-rows.ts';

function apiKeyOf(id: string, changes: Partial<ApiKeyRecord> = {}): ApiKeyRecord {
  return {
    id,
    tenant: 'acme',
    name: 'ci',
    scopes: ['uploads:write', 'objects:delete'],
    secretHash: new Uint8Array(32).fill(7),
    createdAt: NOW,
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    ...changes,
  };
}

/** What stores of API keys must do; a part of the store's contract. */
export function apiKeysSuite(opened: () => OpenedStore): void {
  describe('API keys', () => {
    it('are kept, found and listed oldest first', async () => {
      const newer = apiKeyOf('a', { createdAt: NOW + 1, expiresAt: NOW + 9 });
      const older = apiKeyOf('b');
      await opened().store.apiKeys.insert(newer);
      await opened().store.apiKeys.insert(older);
      const again = await opened().reopen();
      assert.deepEqual(await again.apiKeys.find('a'), newer);
      assert.equal(await again.apiKeys.find('c'), undefined);
      assert.deepEqual(await again.apiKeys.list(), [older, newer]);
    });

    it('are not replaced by another of the same id', async () => {
      await opened().store.apiKeys.insert(apiKeyOf('a'));
      await assert.rejects(
        opened().store.apiKeys.insert(apiKeyOf('a', { tenant: 'other' })),
        DependencyUnavailable,
      );
      assert.deepEqual(await opened().store.apiKeys.find('a'), apiKeyOf('a'));
    });

    it('keep the first time of their revocation', async () => {
      await opened().store.apiKeys.insert(apiKeyOf('a'));
      assert.equal(await opened().store.apiKeys.revoke('a', NOW + 1), true);
      assert.equal(await opened().store.apiKeys.revoke('a', NOW + 2), true);
      assert.equal(await opened().store.apiKeys.revoke('b', NOW), false);
      assert.equal((await opened().store.apiKeys.find('a'))?.revokedAt, NOW + 1);
    });

    it('remember their last use', async () => {
      await opened().store.apiKeys.insert(apiKeyOf('a'));
      await opened().store.apiKeys.touch('a', NOW + 2);
      await opened().store.apiKeys.touch('a', NOW + 1);
      assert.equal((await opened().store.apiKeys.find('a'))?.lastUsedAt, NOW + 2);
    });
  });
}
