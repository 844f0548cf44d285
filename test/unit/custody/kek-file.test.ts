import assert from 'node:assert/strict';
import { chmod, lstat, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { KekFileExists, KekFileInvalid } from '../../../src/custody/errors.ts';
import { createKekFile, readKekFile, removeKek, rotateKekFile } from '../../../src/custody/kek-file.ts';

const SECRET = Buffer.alloc(32, 0xa7).toString('base64');

describe('KEK file', () => {
  let root: string;
  let path: string;
  let count = 0;
  before(async () => void (root = await mkdtemp(join(tmpdir(), 'sealslot-kek-'))));
  after(async () => rm(root, { recursive: true }));
  beforeEach(() => void (path = join(root, `kek-${count++}.json`)));

  async function write(content: string, mode = 0o600): Promise<void> {
    await writeFile(path, content);
    await chmod(path, mode);
  }

  it('is made with mode 0600 and one KEK, which reads back', async () => {
    const { kekId } = await createKekFile(path);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const ring = await readKekFile(path);
    assert.equal(ring.current, kekId);
    assert.deepEqual([...ring.keks.keys()], [kekId]);
    const content = JSON.parse(await readFile(path, 'utf8')) as { keks: Record<string, string> };
    assert.equal(ring.keks.get(kekId)!.export().toString('base64'), content.keks[kekId]);
  });

  it('differs from every other', async () => {
    await createKekFile(path);
    await createKekFile(`${path}2`);
    assert.notEqual(await readFile(path, 'utf8'), await readFile(`${path}2`, 'utf8'));
  });

  it('is never overwritten, not even through a dangling link', async () => {
    await write('precious');
    await assert.rejects(createKekFile(path), KekFileExists);
    assert.equal(await readFile(path, 'utf8'), 'precious');

    await symlink(join(root, 'nowhere'), `${path}.link`);
    await assert.rejects(createKekFile(`${path}.link`), KekFileExists);
    await assert.rejects(stat(join(root, 'nowhere')), { code: 'ENOENT' });
  });

  it('holds several KEKs and prints without their bytes', async () => {
    const other = Buffer.alloc(32, 1).toString('base64');
    await write(JSON.stringify({ current: 'kek-b', keks: { 'kek-a': SECRET, 'kek-b': other } }));
    const ring = await readKekFile(path);
    assert.equal(ring.keks.get('kek-a')!.export().toString('base64'), SECRET);
    assert.equal(ring.keks.get('kek-b')!.export().toString('base64'), other);
    const printed = inspect(ring, { depth: Infinity, showHidden: true }) + JSON.stringify([...ring.keks]);
    assert.ok(!printed.includes(SECRET) && !printed.includes('a7 a7') && !printed.includes('167, 167'));
  });

  it('gets a further KEK, which is the current one, and keeps the others and its mode', async () => {
    const { kekId } = await createKekFile(path);
    await chmod(path, 0o640);
    const before = await readKekFile(path);
    const rotated = await rotateKekFile(path);
    const ring = await readKekFile(path);
    assert.equal(ring.current, rotated.kekId);
    assert.deepEqual([...ring.keks.keys()].sort(), [kekId, rotated.kekId].sort());
    assert.ok(ring.keks.get(kekId)?.equals(before.keks.get(kekId)!));
    assert.equal((await stat(path)).mode & 0o777, 0o640);
  });

  it('is rotated behind a link, where it lies', async () => {
    await createKekFile(path);
    const link = `${path}-link`;
    await symlink(path, link);
    const { kekId } = await rotateKekFile(link);
    assert.equal((await readKekFile(path)).current, kekId);
    assert.ok((await lstat(link)).isSymbolicLink());
  });

  it('is not rotated twice at once, and not half', async () => {
    await createKekFile(path);
    const before = await readFile(path, 'utf8');
    await writeFile(`${path}.new`, 'somebody else is at it');
    await assert.rejects(rotateKekFile(path), { code: 'kek_file_exists' });
    assert.equal(await readFile(path, 'utf8'), before);
    await rm(`${path}.new`);
  });

  it('that was left by an interrupted rotation is called what it is', async () => {
    await createKekFile(path);
    await writeFile(`${path}.new`, 'half');
    await assert.rejects(rotateKekFile(path), (error: Error) => {
      assert.ok(error instanceof KekFileExists && error.message.includes(`${path}.new`));
      assert.match(error.message, /interrupted.*holds KEKs.*compare.*remove/s);
      assert.doesNotMatch(error.message, /never overwritten/);
      return true;
    });
  });

  it('that cannot be written is told with its path, in words', async () => {
    const long = join(root, 'k'.repeat(253));
    await createKekFile(long);
    await assert.rejects(rotateKekFile(long), (error: Error) => {
      assert.ok(error instanceof KekFileInvalid && error.message.includes(long));
      assert.match(error.message, /cannot be written: .*\(ENAMETOOLONG\)\.$/);
      return true;
    });
  });

  it('loses a KEK that is not the current one, and no other', async () => {
    const first = await createKekFile(path);
    const second = await rotateKekFile(path);
    await assert.rejects(removeKek(path, second.kekId), KekFileInvalid);
    await assert.rejects(removeKek(path, 'kek-none'), KekFileInvalid);
    await removeKek(path, first.kekId);
    const ring = await readKekFile(path);
    assert.deepEqual([...ring.keks.keys()], [second.kekId]);
  });

  it('may be read by its group, but not written by it nor touched by others', async () => {
    const valid = JSON.stringify({ current: 'k', keks: { k: SECRET } });
    for (const mode of [0o400, 0o600, 0o440, 0o640]) {
      await write(valid, mode);
      assert.equal((await readKekFile(path)).current, 'k');
      await rm(path);
    }
    for (const mode of [0o604, 0o602, 0o601, 0o620, 0o660, 0o644, 0o666]) {
      await write(valid, mode);
      await assert.rejects(readKekFile(path), {
        name: 'KekFileInvalid',
        code: 'kek_file_invalid',
        message: /chmod 600/,
      });
    }
  });

  it('is judged by the mode of what a link points to', async () => {
    await createKekFile(path);
    await symlink(path, `${path}.link`);
    await symlink(`${path}.link`, `${path}.link2`);
    await readKekFile(`${path}.link2`);
    await chmod(path, 0o644);
    await assert.rejects(readKekFile(`${path}.link2`), KekFileInvalid);
  });

  it('must exist and be a regular file', async () => {
    await assert.rejects(readKekFile(path), KekFileInvalid);
    await mkdir(path, { mode: 0o700 });
    await assert.rejects(readKekFile(path), { name: 'KekFileInvalid', message: /regular file/ });
  });

  const malformed: Record<string, string> = {
    nothing: '',
    'bare base64': SECRET,
    'cut JSON': `{"current":"k","keks":{"k":"${SECRET}"`,
    'an array': `["${SECRET}"]`,
    null: 'null',
    'no current': `{"keks":{"k":"${SECRET}"}}`,
    'an unknown current': `{"current":"${SECRET}","keks":{"k":"${SECRET}"}}`,
    'a current that is an inherited name': `{"current":"toString","keks":{"k":"${SECRET}"}}`,
    'no KEKs': '{"current":"k","keks":{}}',
    'a list of KEKs': `{"current":"0","keks":["${SECRET}"]}`,
    'an unknown member': `{"current":"k","keks":{"k":"${SECRET}"},"${SECRET}":1}`,
    'id and value exchanged': `{"current":"k","keks":{"${SECRET}":"k"}}`,
    '31 bytes': `{"current":"k","keks":{"k":"${Buffer.alloc(31, 0xa7).toString('base64')}"}}`,
    '33 bytes': `{"current":"k","keks":{"k":"${Buffer.alloc(33, 0xa7).toString('base64')}"}}`,
    hex: `{"current":"k","keks":{"k":"${'a7'.repeat(32)}"}}`,
    'base64 with a stray character': `{"current":"k","keks":{"k":"${SECRET}\\n"}}`,
    'a value that is no text': '{"current":"k","keks":{"k":1}}',
    'one bad KEK beside a good one': `{"current":"k","keks":{"k":"${SECRET}","j":"p6enp6en"}}`,
  };
  for (const [what, content] of Object.entries(malformed)) {
    it(`refuses ${what} without quoting it`, async () => {
      await write(content);
      const shown = await readKekFile(path).then(
        () => assert.fail('read'),
        (error: unknown) => {
          assert.ok(error instanceof KekFileInvalid);
          assert.match(error.message, /must be/);
          return inspect(error, { depth: Infinity, showHidden: true });
        },
      );
      assert.ok(!shown.includes('p6en') && !shown.includes('a7a7'), shown);
    });
  }
});
