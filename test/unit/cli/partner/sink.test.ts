import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs, { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { FileUnusable } from '../../../../src/client/errors.ts';
import { openFileSink, streamSink } from '../../../../src/cli/partner/sink.ts';

describe('where a download goes', () => {
  let dir: string;
  beforeEach(async () => (dir = await mkdtemp(join(tmpdir(), 'sealslot-sink-'))));
  afterEach(() => rm(dir, { recursive: true }));
  const path = () => join(dir, 'a.txt');

  it('has its name only when it is whole, and is its owner’s alone', async () => {
    const sink = await openFileSink(path(), false);
    await sink.write(Buffer.from('hel'));
    await sink.write(Buffer.from('lo'));
    const [part = '', ...others] = await readdir(dir);
    assert.match(part, /^\.sealslot-[0-9a-f-]{36}\.part$/);
    assert.deepEqual(others, []);
    assert.equal((await stat(join(dir, part))).mode & 0o777, 0o600);
    await sink.keep();
    assert.deepEqual(await readdir(dir), ['a.txt']);
    assert.equal(await readFile(path(), 'utf8'), 'hello');
    assert.equal((await stat(path())).mode & 0o777, 0o600);
  });

  it('leaves nothing when it is dropped', async () => {
    const sink = await openFileSink(path(), false);
    await sink.write(Buffer.from('hel'));
    await sink.drop();
    assert.deepEqual(await readdir(dir), []);
  });

  it('two downloads to one name do not share a byte; the second to end is refused', async () => {
    const [a, b] = [await openFileSink(path(), false), await openFileSink(path(), false)];
    await a.write(Buffer.from('AA'));
    await b.write(Buffer.from('B'));
    await a.keep();
    await b.write(Buffer.from('B'));
    await assert.rejects(b.keep(), FileUnusable);
    await b.drop();
    assert.equal(await readFile(path(), 'utf8'), 'AA');
    assert.deepEqual(await readdir(dir), ['a.txt']);
  });

  it('touches no file that is not its own', async () => {
    const own = ['a.txt.part', '.sealslot-x.part'];
    for (const name of own) await writeFile(join(dir, name), 'my own');
    await symlink(join(dir, 'nowhere'), join(dir, 'link'));
    await assert.rejects(openFileSink(join(dir, 'link'), false), FileUnusable);
    for (const end of ['drop', 'keep'] as const) await (await openFileSink(path(), false))[end]();
    for (const name of own) assert.equal(await readFile(join(dir, name), 'utf8'), 'my own');
    assert.deepEqual((await readdir(dir)).sort(), ['.sealslot-x.part', 'a.txt', 'a.txt.part', 'link']);
  });

  it('overwrites by force only, and nothing but a file', async () => {
    await writeFile(path(), 'old');
    await assert.rejects(openFileSink(path(), false), FileUnusable);
    assert.equal(await readFile(path(), 'utf8'), 'old');
    const sink = await openFileSink(path(), true);
    await sink.write(Buffer.from('new'));
    await sink.keep();
    assert.equal(await readFile(path(), 'utf8'), 'new');
    await assert.rejects(openFileSink(dir, true), FileUnusable);
    const pipe = join(dir, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await assert.rejects(openFileSink(pipe, true), FileUnusable);
    assert.deepEqual((await readdir(dir)).sort(), ['a.txt', 'pipe']);
  });

  /** Has the file system do something else at a call of `link`. */
  async function withLink(link: typeof fs.link, work: () => Promise<void>): Promise<void> {
    const mocked = mock.method(fs, 'link', link);
    syncBuiltinESMExports();
    try {
      await work();
      assert.equal(mocked.mock.callCount(), 1);
    } finally {
      mocked.mock.restore();
      syncBuiltinESMExports();
    }
  }

  it('does not replace what came to be at the last moment', async () => {
    const { link } = fs;
    const late: typeof link = async (from, to) => {
      await writeFile(to, 'late');
      await link(from, to);
    };
    const sink = await openFileSink(path(), false);
    await withLink(late, () => assert.rejects(sink.keep(), FileUnusable));
    await sink.drop();
    assert.equal(await readFile(path(), 'utf8'), 'late');
    assert.deepEqual(await readdir(dir), ['a.txt']);
  });

  it('gets its name without hard links too, and replaces nothing', async () => {
    const refused = Object.assign(new Error('no hard links here'), { code: 'EPERM' });
    const sink = await openFileSink(path(), false);
    await sink.write(Buffer.from('hello'));
    await withLink(
      () => Promise.reject(refused),
      () => sink.keep(),
    );
    assert.equal(await readFile(path(), 'utf8'), 'hello');
    assert.deepEqual(await readdir(dir), ['a.txt']);
    await rm(path());

    const late = await openFileSink(path(), false);
    const other: typeof fs.link = async (_from, to) => {
      await writeFile(to, 'late');
      throw refused;
    };
    await withLink(other, () => assert.rejects(late.keep(), FileUnusable));
    await late.drop();
    assert.equal(await readFile(path(), 'utf8'), 'late');
  });

  it('takes a name as long as file systems do, and notices a missing folder at once', async () => {
    const longest = join(dir, 'n'.repeat(255));
    await (await openFileSink(longest, false)).keep();
    assert.deepEqual(await readdir(dir), ['n'.repeat(255)]);
    await assert.rejects(openFileSink(`${join(dir, 'new')}/`, false), FileUnusable);
  });

  it('to a pipe: waits for its reader, and tells when it is gone', async () => {
    const pipe = new PassThrough({ highWaterMark: 4 });
    const sink = streamSink(pipe);
    let waiting = true;
    const written = sink.write(Buffer.from('123456')).then(() => (waiting = false));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(waiting, true);
    pipe.resume();
    await written;
    pipe.destroy(Object.assign(new Error('gone'), { code: 'EPIPE' }));
    await new Promise((resolve) => setImmediate(resolve));
    await assert.rejects(sink.write(Buffer.from('x')), FileUnusable);
  });
});
