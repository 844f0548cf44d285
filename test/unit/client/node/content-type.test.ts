import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contentTypeOf } from '../../../../src/client/node/content-type.ts';

describe('contentTypeOf', () => {
  it('goes by the last extension, in any case, else bytes', () => {
    assert.equal(contentTypeOf('a.tar.GZ'), 'application/gzip');
    assert.equal(contentTypeOf('dir.pdf/file'), 'application/octet-stream');
    for (const name of ['constructor', 'x.constructor', '.pdf', 'x.']) {
      assert.equal(contentTypeOf(name), 'application/octet-stream', name);
    }
  });
});
