import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SCOPES } from '../../../src/access/principal.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, type Harness } from '../../support/harness.ts';

const put = { contentType: 'text/plain', size: 5 };
const multipart = { ...put, method: 'multipart' };

describe('what only the maker of a slot may', () => {
  let h: Harness;
  before(async () => {
    h = await makeHarness({ target: fakeTarget(new FakeObjectStore()) });
  });
  after(() => h[Symbol.asyncDispose]());
  const make = async (body: object, token: string): Promise<string> =>
    (await h.call('POST', '/v1/uploads', { token, body })).body.id as string;

  it('key material, by request and by parts: another principal of the tenant gets 403, the same name rotated gets it', async () => {
    const token = await h.token();
    const asks = [
      [`/v1/uploads/${await make(put, token)}/request`, {}],
      [`/v1/uploads/${await make(multipart, token)}/parts`, { partNumbers: [1] }],
    ] as const;
    for (const [url, body] of asks) {
      const other = await h.call('POST', url, { token: await h.token('acme', SCOPES, 'other'), body });
      assert.equal(other.status, 403);
      assert.equal(other.body.code, 'not_slot_owner');
      assert.ok(!other.text.includes('customer-key'));
      const rotated = await h.call('POST', url, { token: await h.token('acme'), body });
      assert.equal(rotated.status, 200, rotated.text);
      assert.ok(rotated.text.includes('customer-key'));
    }
  });

  it('without objects:delete take back an issued slot, not another’s', async () => {
    const maker = await h.token('acme', ['uploads:write'], 'maker');
    const other = await h.token('acme', ['uploads:write'], 'stranger');
    const id = await make(put, maker);
    const refused = await h.call('DELETE', `/v1/uploads/${id}`, { token: other });
    assert.equal(refused.status, 403);
    assert.equal(refused.body.code, 'insufficient_scope');
    const taken = await h.call('DELETE', `/v1/uploads/${id}`, { token: maker });
    assert.equal(taken.status, 202);
  });

  it('without uploads:read list the parts of its own while issued; with it anybody of the tenant does', async () => {
    const maker = await h.token('acme', ['uploads:write'], 'maker');
    const url = `/v1/uploads/${await make(multipart, maker)}/parts`;
    const stranger = await h.call('GET', url, {
      token: await h.token('acme', ['uploads:write'], 'stranger'),
    });
    assert.equal(stranger.status, 403);
    assert.equal(stranger.body.scope, 'uploads:read');
    const reader = await h.call('GET', url, { token: await h.token('acme', ['uploads:read'], 'reader') });
    assert.deepEqual([reader.status, reader.body], [200, { parts: [] }]);
    assert.equal((await h.call('GET', url, { token: maker })).status, 200);
  });
});
