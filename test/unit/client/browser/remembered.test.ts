import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { createUploader, type Upload } from '../../../../src/client/browser/index.ts';
import { holdKey } from '../../../../src/client/browser/remembered.ts';
import { Page } from './page.ts';

const LARGE = 20 * 1024 ** 2;
const file = (letter: string, size: number): File =>
  new File([letter.repeat(size)], 'data.bin', { lastModified: 5 });

describe('an upload that is remembered', () => {
  let page: Page;
  beforeEach(() => {
    page = new Page();
  });
  /** In a page of its own: they share the storage. */
  const upload = (chosen: File): Upload =>
    createUploader({
      ...{ endpoint: 'https://service.example', getToken: () => 'token', storage: page.storage },
      ...{ parallelParts: 1, retry: { tries: 1 } },
    }).upload(chosen);
  const failed = async (chosen: File, takes: number): Promise<Upload> => {
    page.takes = takes;
    const one = upload(chosen);
    await assert.rejects(one.done, { code: 'unreachable' });
    page.takes = Infinity;
    return one;
  };
  const remembered = (): string[] => Object.keys(page.storage);

  it('is gone on with by the same file', async () => {
    const one = await failed(file('a', LARGE), 2);
    const { id } = await upload(file('a', LARGE)).done;
    assert.equal(id, one.id);
    assert.deepEqual(page.sent.get(id), { 1: 'a', 2: 'a', 3: 'a', 4: 'a' });
    assert.deepEqual(remembered(), []);
  });

  it('is not mixed with another file of the same name, size and time', async () => {
    const one = await failed(file('a', LARGE), 2);
    const { id } = await upload(file('b', LARGE)).done;
    assert.notEqual(id, one.id);
    assert.deepEqual(page.sent.get(id), { 1: 'b', 2: 'b', 3: 'b', 4: 'b' });
  });

  for (const where of [0, LARGE / 2, LARGE - 1]) {
    it(`is not mixed with one that differs at ${where}`, async () => {
      const facts = ['the same'];
      const other = new File(['a'.repeat(where), 'b', 'a'.repeat(LARGE - where - 1)], 'data.bin');
      const first = await holdKey(page.storage, file('a', LARGE), facts);
      first.release?.(false);
      const second = await holdKey(page.storage, other, facts);
      second.release?.(false);
      const third = await holdKey(page.storage, file('a', LARGE), facts);
      third.release?.(true);
      assert.notEqual(second.key, first.key);
      assert.deepEqual([third.key, third.isResumed], [first.key, true]);
    });
  }

  it('is deleted by cancel after it has failed, and forgotten', async () => {
    const one = await failed(file('a', 3), 0);
    assert.equal(remembered().length, 1);
    await one.cancel();
    assert.deepEqual(page.deleted, [one.id]);
    assert.deepEqual(remembered(), []);
    assert.notEqual((await upload(file('a', 3)).done).id, one.id);
  });

  it('is left alone by cancel when somebody else has brought it to its end', async () => {
    const one = await failed(file('a', 3), 0);
    const { id } = await upload(file('a', 3)).done;
    assert.equal(id, one.id);
    await one.cancel();
    assert.deepEqual(page.deleted, []);
    assert.deepEqual(remembered(), []);
  });

  it('is left alone by cancel while somebody else goes on with it', async () => {
    const one = await failed(file('a', 3), 0);
    const two = upload(file('a', 3));
    two.pause();
    await one.cancel();
    two.resume();
    assert.equal((await two.done).id, one.id);
    assert.deepEqual(page.deleted, []);
  });

  it('is deleted by cancel where nothing can be remembered', async () => {
    const full = new Proxy(page.storage, {
      get: () => {
        throw new DOMException('full', 'QuotaExceededError');
      },
    });
    page.takes = 0;
    const one = createUploader({
      ...{ endpoint: 'https://service.example', getToken: () => 'token', storage: full, retry: { tries: 1 } },
    }).upload(file('a', 3));
    await assert.rejects(one.done, { code: 'unreachable' });
    await one.cancel();
    assert.deepEqual(page.deleted, [one.id]);
  });
});
