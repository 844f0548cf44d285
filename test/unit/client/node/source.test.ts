import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { appendFile, mkdtemp, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FileChanged } from '../../../../src/client/errors.ts';
import { openLocalFile } from '../../../../src/client/node/local-file.ts';
import { blobSource, bytesSource, type Body, type Source } from '../../../../src/client/node/source.ts';

const BYTES = randomBytes(700_000);

describe('sources', () => {
  let dir: string;
  const opened = new AsyncDisposableStack();
  before(async () => (dir = await mkdtemp(join(tmpdir(), 'sealslot-source-'))));
  after(async () => {
    await opened.disposeAsync();
    await rm(dir, { recursive: true });
  });
  const file = async (name: string) => {
    await writeFile(join(dir, name), BYTES);
    return join(dir, name);
  };
  const read = async (body: Body) => {
    const chunks: Uint8Array[] = [];
    // A piece is good until the next one only.
    for await (const chunk of body.read()) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  };

  const kinds: Record<string, () => Promise<Source>> = {
    bytes: async () => bytesSource(BYTES),
    blob: async () => blobSource(new Blob([BYTES])),
    'blob of a file': async () => blobSource(await openAsBlob(await file('blob'))),
    path: async () => opened.use(await openLocalFile(await file('path'))),
  };
  for (const [kind, open] of Object.entries(kinds)) {
    it(`${kind}: the whole and each part, as often as one likes`, async () => {
      const source = await open();
      for (let times = 0; times < 2; times += 1) assert.ok((await read(source)).equals(BYTES));
      for (const [from, size] of [
        [0, 700_000],
        [1, 299_999],
        [699_999, 1],
        [700_000, 0],
      ] as const) {
        const part = source.part(from, size);
        assert.equal(part.size, size);
        assert.ok((await read(part)).equals(BYTES.subarray(from, from + size)), `${from}`);
      }
      await source.requireUnchanged();
    });
  }

  it('only a path is the same source to a later process', async () => {
    const identities = await Promise.all(Object.values(kinds).map(async (open) => (await open()).identity));
    assert.deepEqual(identities, [undefined, undefined, undefined, join(dir, 'path')]);
  });

  it('a file that is written to is not the one that was opened', async () => {
    for (const change of [
      (path: string) => appendFile(path, 'x'),
      (path: string) => truncate(path, 10),
      (path: string) => utimes(path, 1, 1),
    ]) {
      const path = await file('changed');
      await using source = await openLocalFile(path);
      await change(path);
      await assert.rejects(source.requireUnchanged(), FileChanged);
    }
    const blob = blobSource(await openAsBlob(await file('behind')));
    await appendFile(join(dir, 'behind'), 'x');
    await assert.rejects(read(blob.part(0, 10)), FileChanged);
  });
});
