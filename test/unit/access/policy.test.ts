import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { authoriseUpload } from '../../../src/access/policy.ts';
import { InvalidRequest, PolicyRefused } from '../../../src/errors.ts';
import { tenantConfig } from './tenant.ts';

const good = { contentType: 'image/png', size: 1_000 };

function pathsOf(error: unknown): string[] {
  assert.ok(error instanceof PolicyRefused || error instanceof InvalidRequest);
  return (error.extra.errors as { path: string }[]).map(({ path }) => path);
}

describe('authoriseUpload', () => {
  for (const [asked, expected] of [
    [undefined, 300],
    [60, 60],
    [900, 900],
  ] as const) {
    it(`gives ${String(asked)} seconds as ${expected}`, () => {
      assert.deepEqual(authoriseUpload(tenantConfig(), { ...good, expiresInSeconds: asked }), {
        expiresInSeconds: expected,
        method: 'PUT',
        partSize: null,
      });
    });
  }

  for (const asked of [0, 59, 901, -1, Number.NaN, Infinity]) {
    it(`calls ${asked} seconds an invalid request`, () => {
      assert.throws(
        () => authoriseUpload(tenantConfig(), { ...good, expiresInSeconds: asked }),
        (error) => {
          assert.ok(error instanceof InvalidRequest);
          assert.deepEqual(pathsOf(error), ['/expiresInSeconds']);
          return true;
        },
      );
    });
  }

  it('refuses with all fields at once', () => {
    assert.throws(
      () => authoriseUpload(tenantConfig({ requireSha256: true }), { contentType: 'text/html', size: 1_001 }),
      (error) => {
        assert.ok(error instanceof PolicyRefused);
        assert.deepEqual(pathsOf(error), ['/size', '/contentType', '/sha256']);
        return true;
      },
    );
  });

  it('takes a given sha256 where one is required', () => {
    authoriseUpload(tenantConfig({ requireSha256: true }), { ...good, sha256: 'x' });
  });

  const cases: [glob: string, contentType: string, allowed: boolean][] = [
    ['*', 'text/html', true],
    ['*', 'not a media type', true],
    ['image/*', 'image/png', true],
    ['image/*', 'IMAGE/Svg+Xml', true],
    ['IMAGE/*', 'image/png', true],
    ['image/*', 'image/', false],
    ['image/*', 'imagex/png', false],
    ['image/*', 'image', false],
    ['image/*', 'image/png/text', false],
    ['image/*', 'image/png, text/html', false],
    ['image/*', 'image/png;,text/html', false],
    ['image/*', 'image/png; x=y, text/html', false],
    ['application/json', 'application/json', true],
    ['application/json', 'Application/JSON; charset=utf-8', true],
    ['application/json', 'application/json;a="x, y";b=c ;', true],
    ['application/json', 'application/json5', false],
    ['application/json', 'application/problem+json', false],
    ['application/json', '', false],
  ];
  for (const [glob, contentType, allowed] of cases) {
    it(`${allowed ? 'allows' : 'refuses'} "${contentType}" under ${glob}`, () => {
      const policy = tenantConfig({ contentTypes: ['video/mp4', glob] });
      const ask = (): unknown => authoriseUpload(policy, { contentType, size: 1 });
      if (allowed) assert.doesNotThrow(ask);
      else assert.throws(ask, (error) => pathsOf(error).join() === '/contentType');
    });
  }

  it('is quick with a hostile content type', () => {
    const contentType = `image/png${'; '.repeat(20_000)}"`;
    const started = performance.now();
    assert.throws(() => authoriseUpload(tenantConfig(), { contentType, size: 1 }), PolicyRefused);
    assert.ok(performance.now() - started < 1_000);
  });
});
