import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Folder, minimal, put } from './folder.ts';

const SECRET = 'g'.repeat(32);

async function folderWith(): Promise<Folder> {
  const folder = await Folder.make();
  const files = { good: ` ${SECRET}\n`, second: 'h'.repeat(40), short: SECRET.slice(1), empty: '\n' };
  for (const [name, text] of Object.entries(files)) await folder.write(name, text);
  return folder;
}

describe('the settings of grants', () => {
  it('are none unless the section is there', async () => {
    await using folder = await folderWith();
    assert.equal((await folder.load(minimal())).grants, undefined);
  });

  it('reads secrets, and prints none of them', async () => {
    await using folder = await folderWith();
    const { grants } = await folder.load(
      put(minimal(), 'grants', { secretFiles: ['second', 'good'], maxSeconds: 60 }),
    );
    assert.ok(grants);
    assert.deepEqual(
      grants.secrets.map((secret) => secret.reveal()),
      ['h'.repeat(40), SECRET],
    );
    assert.deepEqual(grants.secretFiles, [join(folder.root, 'second'), join(folder.root, 'good')]);
    assert.equal(grants.maxSeconds, 60);
    assert.doesNotMatch(JSON.stringify(grants), /g{9}|h{9}/);
    assert.ok(Object.isFrozen(grants) && Object.isFrozen(grants.secrets));
    assert.equal(
      (await folder.load(put(minimal(), 'grants', { secretFiles: ['good'] }))).grants?.maxSeconds,
      3600,
    );
  });

  const mistakes: readonly (readonly [grants: object, path: string, says: RegExp])[] = [
    [{}, '.secretFiles', /missing/],
    [{ secretFiles: [] }, '.secretFiles', /at least 1/],
    [{ secretFiles: ['good', 'good'] }, '.secretFiles', /./],
    [{ secretFiles: ['gone'] }, '.secretFiles[0]', /not exist/],
    [{ secretFiles: ['good', 'short'] }, '.secretFiles[1]', /at least 32/],
    [{ secretFiles: ['empty'] }, '.secretFiles[0]', /empty/],
    [{ secretFiles: ['good'], maxSeconds: 0 }, '.maxSeconds', /at least 1/],
    [{ secretFiles: ['good'], maxSeconds: 604_801 }, '.maxSeconds', /at most 604800/],
    [{ secretFiles: ['good'], seconds: 1 }, '.seconds', /not known/],
  ];
  for (const [grants, path, says] of mistakes) {
    it(`refuses ${JSON.stringify(grants)}`, async () => {
      await using folder = await folderWith();
      const found = await folder.mistakes(put(minimal(), 'grants', grants));
      assert.deepEqual(
        found.map((mistake) => mistake.path),
        [`grants${path}`],
      );
      assert.match(found[0]?.message ?? '', says);
      assert.doesNotMatch(JSON.stringify(found), /g{9}/);
    });
  }
});
