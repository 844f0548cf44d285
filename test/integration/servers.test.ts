import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { answers } from '../support/processes.ts';
import { startSeaweedfs } from '../support/seaweedfs.ts';

for (const [name, start, health] of [
  ['minio', startMinio, '/minio/health/ready'],
  ['seaweedfs', startSeaweedfs, '/healthz'],
] as const) {
  const backend = await available(() => start());
  describe(`the test server ${name}`, { skip: backend.skip }, () => {
    it('runs under TLS, makes buckets, and leaves nothing when stopped', async () => {
      const server = backend.get();
      try {
        assert.equal(server.name, name);
        assert.match(server.caPem, /BEGIN CERTIFICATE/);
        await server.createBucket('plain');
        await server.createBucket('versioned', { versioning: true });
        await assert.rejects(server.createBucket('plain'), /BucketAlready/);
        assert.ok(await answers(server.endpoint + health, server.caPem));
      } finally {
        await server.stop();
      }
      if (server.source.startsWith('SEALSLOT_TEST_S3')) return;
      assert.equal(await answers(server.endpoint + health, server.caPem), false);
      assert.equal(existsSync(dirname(server.caFile)), false);
    });
  });
}
