import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FileUnusable } from '../../../src/client/errors.ts';
import { openFileSink, streamSink } from '../../../src/cli/partner/sink.ts';

describe('where a download goes', () => {
  let dir: string;
  beforeEach(async () => (dir = await mkdtemp(join(tmpdir(), 'sealslot-sink-'))));
  afterEach(() => rm(dir, { recursive: true }));
  const path = () => join(dir, 'a.txt');

  it('has its name only when it is whole, and is its owner’s alone', async () => {
    const sink = await openFileSink(path(), false);
    await sink.write(Buffer.from('hel'));
    await sink.write(Buffer.from('lo'));
    assert.deepEqual(await readdir(dir), ['a.txt.part']);
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

  it('overwrites by force only, also what came to be meanwhile', async () => {
    const early = await openFileSink(path(), false);
    await writeFile(path(), 'old');
    await assert.rejects(early.keep(), FileUnusable);
    await early.drop();
    await assert.rejects(openFileSink(path(), false), FileUnusable);
    assert.equal(await readFile(path(), 'utf8'), 'old');
    const sink = await openFileSink(path(), true);
    await sink.write(Buffer.from('new'));
    await sink.keep();
    assert.equal(await readFile(path(), 'utf8'), 'new');
    await assert.rejects(openFileSink(dir, true), FileUnusable);
  });

  it('does not write through a link that lies where the part goes', async () => {
    await writeFile(join(dir, 'precious'), 'old');
    await symlink(join(dir, 'precious'), `${path()}.part`);
    const sink = await openFileSink(path(), false);
    await sink.write(Buffer.from('new'));
    await sink.keep();
    assert.equal(await readFile(join(dir, 'precious'), 'utf8'), 'old');
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
