import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FileUnusable } from '../../../../src/client/errors.ts';
import { openLocalFile, sha256Of } from '../../../../src/client/node/local-file.ts';

describe('openLocalFile', () => {
  let dir: string;
  before(async () => (dir = await mkdtemp(join(tmpdir(), 'sealslot-file-'))));
  after(() => rm(dir, { recursive: true }));

  it('takes regular files only, and does not wait for a pipe’s other end', async () => {
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    for (const name of ['.', 'pipe', 'nowhere']) {
      await assert.rejects(openLocalFile(join(dir, name)), FileUnusable);
    }
  });

  it('hashes to base64', async () => {
    await writeFile(join(dir, 'hello'), 'hello');
    await using opened = await openLocalFile(join(dir, 'hello'));
    assert.equal(await sha256Of(opened), 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=');
  });
});
