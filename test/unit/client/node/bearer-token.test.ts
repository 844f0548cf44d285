import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { BearerToken } from '../../../../src/client/node/bearer-token.ts';

describe('BearerToken', () => {
  it('shows itself only as a header', () => {
    const token = new BearerToken('slk_secret');
    for (const shown of [String(token), JSON.stringify({ token }), inspect({ token })]) {
      assert.match(shown, /\[redacted\]/);
      assert.doesNotMatch(shown, /slk_secret/);
    }
    assert.equal(token.header(), 'Bearer slk_secret');
  });

  it('refuses what cannot stand in a header, without repeating it', () => {
    for (const text of ['', 'two words', 'line\nbreak', 'schlüssel']) {
      assert.throws(
        () => new BearerToken(text),
        (error: TypeError) => text === '' || !error.message.includes(text),
      );
    }
  });
});
