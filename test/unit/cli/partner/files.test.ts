import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { findFiles } from '../../../../src/cli/partner/files.ts';

let dir: string;
beforeEach(async () => (dir = await mkdtemp(join(tmpdir(), 'sealslot-files-'))));
afterEach(() => rm(dir, { recursive: true }));

describe('findFiles', () => {
  it('takes regular files below a folder by name, hidden ones too, and follows no link', async () => {
    await mkdir(join(dir, 'b/c'), { recursive: true });
    for (const name of ['z', '.hidden', 'b/2', 'b/c/1']) await writeFile(join(dir, name), 'x');
    await symlink(join(dir, 'z'), join(dir, 'link'));
    await symlink(dir, join(dir, 'b/loop'));
    const leftOut: string[] = [];
    const found = await findFiles([], dir, (path, why) => void leftOut.push(`${path}: ${why}`));
    assert.deepEqual(
      found.map((file) => 'filename' in file && file.filename),
      ['.hidden', 'b/2', 'b/c/1', 'z'],
    );
    assert.deepEqual(leftOut, [
      `${join(dir, 'b/loop')}: a symbolic link`,
      `${join(dir, 'link')}: a symbolic link`,
    ]);
    const named = await findFiles([join(dir, 'link')], undefined, assert.fail);
    assert.deepEqual(
      named.map((file) => 'filename' in file && file.filename),
      ['link'],
    );
  });

  it('tells what cannot be uploaded, and goes on', async () => {
    await writeFile(join(dir, 'a'), 'x');
    const found = await findFiles([join(dir, 'no'), dir, join(dir, 'a')], join(dir, 'nowhere'), assert.fail);
    assert.deepEqual(
      found.map((file) => 'error' in file),
      [true, true, false, true],
    );
  });
});
