import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness } from '../../support/harness.ts';

const APP = 'https://app.example.com';
const preflight = (origin: string) =>
  ({
    method: 'OPTIONS',
    url: '/v1/uploads',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,idempotency-key',
    },
  }) as const;

describe('CORS', () => {
  it('lets a configured origin in, preflight and answer, and shows it the headers it needs', async () => {
    await using h = await makeHarness({ target: fakeTarget(new FakeObjectStore()), corsOrigins: [APP] });
    const { statusCode, headers } = await h.app.inject(preflight(APP));
    assert.equal(statusCode, 204);
    assert.equal(headers['access-control-allow-origin'], APP);
    assert.match(String(headers['access-control-allow-headers']), /authorization.*idempotency-key/);
    const answer = await h.call('POST', '/v1/uploads', {
      token: await h.token(),
      body: { contentType: 'a/b', size: 1 },
      headers: { origin: APP },
    });
    assert.equal(answer.headers['access-control-allow-origin'], APP);
    assert.match(String(answer.headers['access-control-expose-headers']), /idempotency-replayed/);
    assert.equal(answer.headers['cross-origin-resource-policy'], 'same-origin');
  });

  it('tells no other origin anything, and a refusal is readable for the configured one', async () => {
    await using h = await makeHarness({ target: fakeTarget(new FakeObjectStore()), corsOrigins: [APP] });
    const other = await h.app.inject(preflight('https://app.example.com.evil.example'));
    assert.equal(other.headers['access-control-allow-origin'], undefined);
    assert.equal(other.headers['cross-origin-resource-policy'], 'same-origin');
    const refused = await h.call('POST', '/v1/uploads', { headers: { origin: APP } });
    assert.equal(refused.status, 401);
    assert.equal(refused.headers['access-control-allow-origin'], APP);
    assert.equal(refused.headers['cross-origin-resource-policy'], 'same-origin');
  });

  it('lets any page find out that it is there, by a path that is not', async () => {
    await using h = await makeHarness({ target: fakeTarget(new FakeObjectStore()) });
    const { status, headers } = await h.call('GET', '/', { headers: { origin: APP } });
    assert.equal(status, 404);
    assert.equal(headers['cross-origin-resource-policy'], 'cross-origin');
    assert.equal(headers['access-control-allow-origin'], undefined);
  });
});
