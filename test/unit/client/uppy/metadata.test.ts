import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { metadataOf } from '../../../../src/client/uppy/metadata.ts';

const META = {
  name: 'a.txt',
  type: 'text/plain',
  relativePath: 'b/a.txt',
  case: '4711',
  size: 3,
  isNew: false,
};

describe('metadata of a file in Uppy', () => {
  it('is what the page has set, without what Uppy keeps there', () => {
    assert.deepEqual(metadataOf(META, true), { case: '4711', size: '3', isNew: 'false' });
  });

  it('is what is allowed, or nothing', () => {
    assert.deepEqual(metadataOf(META, ['case', 'missing']), { case: '4711' });
    assert.deepEqual(metadataOf(META, ['name']), { name: 'a.txt' });
    assert.deepEqual(metadataOf(META, []), {});
    assert.deepEqual(metadataOf(META, false), {});
  });

  it('leaves away what is empty', () => {
    assert.deepEqual(metadataOf({ a: '', b: null, c: undefined, d: 0 }, true), { d: '0' });
  });

  it('refuses what is no text, and names it', () => {
    for (const value of [{}, [], Symbol('a'), () => 1]) {
      assert.throws(() => metadataOf({ own: value }, true), { name: 'TypeError', message: /field own/ });
      assert.deepEqual(metadataOf({ own: value }, false), {});
    }
  });
});
