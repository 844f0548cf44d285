import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { authenticateBearer } from '../../../src/access/authenticate.ts';
import type { Authenticator } from '../../../src/access/port.ts';
import { DependencyUnavailable, Unauthenticated } from '../../../src/errors.ts';

const knows = (known: string): Authenticator => ({
  authenticate: async (token) =>
    token === known ? { tenant: 't', id: `key:${known}`, scopes: new Set() } : undefined,
});
const throws = (error: Error): Authenticator => ({
  authenticate: async () => {
    throw error;
  },
});

describe('authenticateBearer', () => {
  for (const header of ['Bearer abc', 'bearer abc', 'BEARER  abc']) {
    it(`reads "${header}"`, async () => {
      assert.equal((await authenticateBearer(header, [knows('x'), knows('abc')])).id, 'key:abc');
    });
  }

  for (const header of [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'abc',
    'Basic abc',
    'Bearerabc',
    ' Bearer abc',
    'Bearer abc ',
    'Bearer abc abc',
    'Bearer abc, Bearer abc',
    'Bearer abc,abc',
    'Bearer\tabc',
    'Bearer abc\n',
    'Bearer "abc"',
    'Bearer ünï',
    'Bearer other',
  ]) {
    it(`refuses ${JSON.stringify(header)}`, async () => {
      const authenticators = [knows('abc'), knows(''), knows('abc abc')];
      await assert.rejects(authenticateBearer(header, authenticators), Unauthenticated);
    });
  }

  it('refuses all without authenticators', async () => {
    await assert.rejects(authenticateBearer('Bearer abc', []), Unauthenticated);
  });

  it("stops at the first authenticator's refusal", async () => {
    const refusing = throws(new Unauthenticated('no'));
    await assert.rejects(authenticateBearer('Bearer abc', [refusing, knows('abc')]), Unauthenticated);
  });

  it('passes on that it cannot tell now', async () => {
    const down = throws(new DependencyUnavailable('store', new Error('down')));
    await assert.rejects(authenticateBearer('Bearer abc', [down, knows('abc')]), DependencyUnavailable);
  });
});
