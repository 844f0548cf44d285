import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { uploadKilled } from './support-multipart-cli.ts';

const SIZE = 64 * 1024 ** 2 + 1;

const minio = await available(() => startMinio());

describe('upload in parts on MinIO', { skip: minio.skip }, () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sealslot-multipart-cli-'));
    await minio.get().createBucket('uploads');
  });
  after(async () => {
    await minio.stop();
    await rm(dir, { recursive: true });
  });

  it('killed twice and run again: the same slot, no finished part twice, the same content', async (t) => {
    const { sent } = await uploadKilled(minio.get(), {
      ...{ size: SIZE, partMib: 5, kills: [0.3, 0.6], dir },
      more: ['--parallel-parts', '1'],
      stop: t.signal,
      say: (line) => t.diagnostic(line),
    });
    assert.ok(sent > SIZE, 'all went over the relay');
  });
});
