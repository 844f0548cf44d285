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

    it('are found by many at once, each its own', async () => {
      const ids = Array.from({ length: 60 }, (_, n) => `key-${n}`);
      const { apiKeys } = opened().store;
      for (const id of ids) await apiKeys.insert(apiKeyOf(id, { name: `name of ${id}` }));
      const asked = [...ids, 'none', ...ids];
      const found = await Promise.all(asked.map((id) => apiKeys.find(id)));
      const names = asked.map((id) => (id === 'none' ? undefined : `name of ${id}`));
      assert.deepEqual(
        found.map((record) => record?.name),
        names,
      );
    });

    it('are found revoked by whoever asks after that, however many ask', async () => {
      const { apiKeys } = opened().store;
      await apiKeys.insert(apiKeyOf('a'));
      for (let round = 1; round <= 20; round += 1) {
        const id = `key-${round}`;
        await apiKeys.insert(apiKeyOf(id));
        const before = Array.from({ length: 20 }, () => apiKeys.find(id));
        const revoked = apiKeys.revoke(id, NOW + round);
        const beside = Array.from({ length: 20 }, () => apiKeys.find('a'));
        await revoked;
        assert.equal((await apiKeys.find(id))?.revokedAt, NOW + round);
        await Promise.all([...before, ...beside]);
      }
    });

    it('remember their last use', async () => {
      await opened().store.apiKeys.insert(apiKeyOf('a'));
      await opened().store.apiKeys.touch('a', NOW + 2);
      await opened().store.apiKeys.touch('a', NOW + 1);
      assert.equal((await opened().store.apiKeys.find('a'))?.lastUsedAt, NOW + 2);
    });
  });
}
