import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ROUTES } from '../../../src/app.ts';
import { CODES } from '../../../src/http/codes.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness } from '../../support/harness.ts';

describe('the OpenAPI document', () => {
  it('has names to generate from: operationIds, security, problems, no numbered schemas', async () => {
    await using h = await makeHarness({ target: fakeTarget(new FakeObjectStore()) });
    const { body } = await h.call('GET', '/openapi.json');
    assert.equal(body.openapi, '3.1.0');
    assert.ok(!Object.keys(body.components.schemas as object).some((name) => /def-\d/.test(name)));
    for (const route of ROUTES) {
      const operation = body.paths[route.url.replace(':id', '{id}')][route.method.toLowerCase()];
      assert.equal(operation.operationId, route.operationId);
      assert.deepEqual(operation.security, [{ bearer: [] }]);
      assert.ok(operation.responses[String(route.success.status)]);
      for (const status of [400, 401, 403, 500, 503, ...route.problems]) {
        assert.equal(
          operation.responses[String(status)].content['application/problem+json'].schema.$ref,
          '#/components/schemas/Problem',
        );
      }
    }
  });

  it('every code has a status that HTTP knows as an error', () => {
    for (const [code, { status }] of Object.entries(CODES)) assert.ok(status >= 400 && status < 600, code);
  });

  it('serves a page to read it', async () => {
    await using h = await makeHarness({ target: fakeTarget(new FakeObjectStore()) });
    const page = await h.app.inject('/docs/');
    assert.equal(page.statusCode, 200);
    assert.match(String(page.headers['content-security-policy']), /default-src 'self'/);
  });
});
