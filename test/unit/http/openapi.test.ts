import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Ajv } from 'ajv';
import { ROUTES } from '../../../src/app.ts';
import type { Config } from '../../../src/config/config.ts';
import { messagesOf } from '../../../src/events/message.ts';
import { CODES } from '../../../src/http/codes.ts';
import { UPLOAD_EVENTS } from '../../../src/store/port.ts';
import { NOW, uploadOf } from '../../contract/store-rows.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, type Harness, type Json } from '../../support/harness.ts';
import { BODIES } from './bodies.ts';

describe('the OpenAPI document', () => {
  let h: Harness;
  let document: Json;
  before(async () => {
    h = await makeHarness({ target: fakeTarget(new FakeObjectStore()) });
    document = (await h.call('GET', '/openapi.json')).body;
  });
  after(() => h[Symbol.asyncDispose]());
  const at = (pointer: string): Json =>
    pointer
      .slice(2)
      .split('/')
      .reduce((node: Json, name) => node?.[name], document);

  it('has names to generate from: operationIds, security, problems, no numbered schemas', () => {
    assert.equal(document.openapi, '3.1.0');
    assert.ok(!Object.keys(document.components.schemas as object).some((name) => /def-\d/.test(name)));
    const tags = (document.tags as { name: string }[]).map(({ name }) => name);
    for (const route of ROUTES) {
      const operation = document.paths[route.url.replace(/:(\w+)/, '{$1}')][route.method.toLowerCase()];
      const isLink = route.scopes === 'link';
      assert.equal(operation.operationId, route.operationId);
      assert.deepEqual(operation.security, isLink ? [] : [{ bearer: [] }]);
      assert.match(operation.description as string, isLink ? /^Needs no credentials/ : /^Needs the scope `/);
      assert.ok(tags.includes((operation.tags as string[])[0] ?? ''));
      const { responses } = operation;
      assert.ok(responses[String(route.success.status)]);
      for (const status of Object.keys(route.success.others ?? {})) assert.ok(responses[status], status);
      for (const status of [400, 429, ...(isLink ? [] : [401, 403]), 500, 503, ...route.problems]) {
        const { content } = responses[String(status)];
        if (route.method === 'HEAD') assert.equal(content, undefined);
        else assert.equal(content['application/problem+json'].schema.$ref, '#/components/schemas/Problem');
      }
      for (const status of isLink ? ['401', '403'] : []) assert.equal(responses[status], undefined);
      assert.equal('content' in (responses['304'] ?? {}), false);
    }
  });

  it('describes a body of every operation that has one, and the matrices know those that must be sent', () => {
    for (const route of ROUTES) {
      const { requestBody } = document.paths[route.url.replace(/:(\w+)/, '{$1}')][route.method.toLowerCase()];
      assert.equal(requestBody !== undefined, route.body !== undefined, route.operationId);
      assert.equal(requestBody?.required === true, route.operationId in BODIES, route.operationId);
    }
  });

  it('has no reference to nothing', () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref ?? '');
    assert.ok(refs.length > 50);
    for (const ref of refs) assert.notEqual(at(ref), undefined, ref);
    assert.ok(!JSON.stringify(document).includes('nullable'), 'that is OpenAPI 3.0');
  });

  it('tells the requests apart by their method', () => {
    const { oneOf, discriminator } = document.components.schemas.UploadRequest;
    assert.equal(discriminator.propertyName, 'method');
    assert.deepEqual(Object.keys(discriminator.mapping as object), ['PUT', 'POST', 'multipart']);
    const refs = (oneOf as { $ref: string }[]).map(({ $ref }) => $ref);
    assert.deepEqual(refs, Object.values(discriminator.mapping as object));
    for (const [method, ref] of Object.entries(discriminator.mapping as Record<string, string>)) {
      const schema = at(ref);
      assert.deepEqual(schema.properties.method.enum, [method]);
      assert.ok((schema.required as string[]).includes('method'));
    }
  });

  it('declares the headers that clients act on, where they are answered', () => {
    const headersAt = (path: string, method: string, status: number): string[] =>
      Object.keys((document.paths[path][method].responses[status].headers ?? {}) as object);
    const limits = ['RateLimit', 'RateLimit-Policy'];
    assert.deepEqual(headersAt('/v1/uploads', 'post', 201), ['Location', 'Idempotency-Replayed', ...limits]);
    assert.deepEqual(headersAt('/v1/uploads/batch', 'post', 201), ['Idempotency-Replayed', ...limits]);
    assert.deepEqual(headersAt('/v1/uploads/{id}', 'get', 200), limits);
    for (const { url, method, scopes } of ROUTES) {
      const told = scopes === 'link' ? [] : limits;
      const path = url.replace(/:(\w+)/, '{$1}');
      assert.deepEqual(headersAt(path, method.toLowerCase(), 429), ['Retry-After', ...told]);
    }
    assert.deepEqual(headersAt('/v1/uploads/{id}/complete', 'post', 409), ['Retry-After']);
    for (const method of ['get', 'head']) {
      for (const path of ['/v1/uploads/{id}/content', '/v1/content/{link}']) {
        const told = path.includes('link') ? [] : limits;
        assert.deepEqual(headersAt(path, method, 206), ['ETag', 'Content-Range', ...told]);
        assert.deepEqual(headersAt(path, method, 416), ['Content-Range']);
        assert.deepEqual(headersAt(path, method, 503), ['Retry-After']);
      }
    }
  });

  it('names the members and the codes of a problem, and closes neither', () => {
    const { properties, additionalProperties } = document.components.schemas.Problem;
    for (const member of ['missingParts', 'missingCount', 'mismatches', 'dependency', 'scope', 'state'])
      assert.ok(properties[member], member);
    assert.deepEqual(properties.code.examples, Object.keys(CODES));
    assert.equal(properties.code.enum, undefined, 'a new code must not break a generated client');
    assert.equal(additionalProperties, true);
  });

  it('describes each webhook by a schema that the messages fit', () => {
    assert.deepEqual(Object.keys(document.webhooks as object), [...UPLOAD_EVENTS]);
    const config = { tenants: { acme: { webhooks: { crm: { events: UPLOAD_EVENTS } } } } };
    const upload = {
      ...uploadOf(1),
      mismatches: [{ field: 'size', expected: 1, actual: null }],
      etag: '"e"',
    };
    for (const type of UPLOAD_EVENTS) {
      const schema = at(document.webhooks[type].post.requestBody.content['application/json'].schema.$ref);
      const [message] = messagesOf(config as unknown as Config, upload, type, NOW);
      const payload: Json = JSON.parse(message?.payload ?? '');
      // Its references are to the document's own components.
      const strict = { ...schema, additionalProperties: false, components: document.components };
      strict.properties.data.additionalProperties = false;
      const validate = new Ajv({ strict: false, formats: { 'date-time': true } }).compile(strict);
      assert.ok(payload.data.mismatches && payload.data.etag);
      assert.ok(validate(payload), JSON.stringify(validate.errors));
    }
  });

  it('every code has a status that HTTP knows as an error', () => {
    for (const [code, { status }] of Object.entries(CODES)) assert.ok(status >= 400 && status < 600, code);
  });

  it('serves a page to read it', async () => {
    const page = await h.app.inject('/docs/');
    assert.equal(page.statusCode, 200);
    assert.match(String(page.headers['content-security-policy']), /default-src 'self'/);
  });
});
