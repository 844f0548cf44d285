import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DEFAULTS } from '../../../src/config/defaults.ts';
import { pagePolicy } from '../../../src/http/demo/policy.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, TENANT, type Harness } from '../../support/harness.ts';

const harness = (demo: boolean): Promise<Harness> =>
  makeHarness({ target: fakeTarget(new FakeObjectStore()), demo });

/** Imports, and addresses of workers. */
const LEADS_TO = /\b(?:from|import)\s*\(?\s*['"]([^'"]+)['"]|new URL\(\s*['"]([^'"]+)['"]/g;
const REFERENCES = /\b(?:src|href)="([^"#][^"]*)"/g;

describe('/demo, off', () => {
  it('is as unknown as any path', async () => {
    await using h = await harness(false);
    for (const url of ['/demo', '/demo/', '/demo/page/main.js', '/demo/page/page.css']) {
      const { status, body } = await h.call('GET', url);
      assert.deepEqual([status, body.code], [404, 'route_not_found'], url);
    }
  });
});

describe('/demo', () => {
  let h: Harness;
  /** Path to text, of all that the document leads to. */
  const files = new Map<string, { type: string; text: string; headers: Record<string, unknown> }>();
  before(async () => {
    h = await harness(true);
    await follow('/demo/');
  });
  after(() => h[Symbol.asyncDispose]());

  async function follow(path: string): Promise<void> {
    if (files.has(path)) return;
    const { status, headers, text } = await h.call('GET', path);
    assert.equal(status, 200, path);
    files.set(path, { type: String(headers['content-type']), text, headers });
    const isModule = path.endsWith('.js');
    for (const [, one, other] of text.matchAll(isModule ? LEADS_TO : REFERENCES)) {
      const { pathname } = new URL(one ?? other ?? '', `http://here${path}`);
      // The document also links to the description of the API.
      if (pathname.startsWith('/demo')) await follow(pathname);
      else assert.equal(pathname, '/docs/');
    }
  }

  it('leads to its files, without a path that a proxy could put out of place', async () => {
    const { status, headers } = await h.call('GET', '/demo');
    assert.deepEqual([status, headers['location']], [302, 'demo/']);
  });

  it('is whole: every import of every module is served', () => {
    const modules = [...files.keys()].filter((path) => path.endsWith('.js'));
    assert.ok(modules.length > 20, modules.join());
    assert.ok(files.has('/demo/client/browser/index.js'));
    assert.ok(files.has('/demo/page/page.css') && files.has('/demo/page/icon.svg'));
  });

  it('says of each file what it is, lets nobody guess, and keeps nothing without asking', () => {
    const types = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', '/': 'text/html' };
    for (const [path, { type, headers }] of files) {
      const [, end] = Object.entries(types).find(([name]) => path.endsWith(name)) ?? [];
      assert.equal(type.split(';')[0], end, path);
      assert.equal(headers['x-content-type-options'], 'nosniff', path);
      assert.equal(headers['cache-control'], 'no-cache', path);
      assert.match(String(headers['etag']), /^"[\w-]{22}"$/, path);
      assert.match(
        String(headers['content-security-policy']),
        /^default-src 'none'; script-src 'self';/,
        path,
      );
    }
  });

  it('answers 304 to who has it', async () => {
    for (const [path, { headers }] of files) {
      const etag = String(headers['etag']);
      for (const known of [etag, `"x", W/${etag}`]) {
        const again = await h.call('GET', path, { headers: { 'if-none-match': known } });
        assert.deepEqual([again.status, again.text], [304, ''], path);
      }
      const other = await h.call('GET', path, { headers: { 'if-none-match': '"other"' } });
      assert.equal(other.status, 200, path);
    }
  });

  it('has a HEAD for each GET, and 405 for the rest', async () => {
    for (const [path, { headers, text }] of files) {
      const head = await h.call('HEAD', path);
      assert.deepEqual([head.status, head.text], [200, ''], path);
      assert.equal(head.headers['content-length'], String(Buffer.byteLength(text)), path);
      assert.equal(head.headers['etag'], headers['etag'], path);
    }
    for (const path of ['/demo', ...files.keys()])
      for (const method of ['POST', 'DELETE'] as const) {
        const { status, body, headers } = await h.call(method, path, { body: 'not JSON' });
        assert.deepEqual([status, body.code], [405, 'method_not_allowed'], path);
        assert.equal(headers['allow'], 'GET, HEAD');
      }
  });

  it('serves nothing else, however it is asked', async () => {
    const asks = [
      ...['/demo/page', '/demo/page/', '/demo/client/', '/demo/index.html', '/demo/page/index.html'],
      ...['/demo/page/main.ts', '/demo/page/tsconfig.json', '/demo/page/../app.js', '/demo/app.js'],
      ...['/demo/../package.json', '/demo/%2e%2e/package.json', '/demo/..%2fpackage.json'],
      ...['/demo/page/..%2f..%2fconfig/config.js', '/demo/page/%2e%2e%5cmain.js', '/demo//etc/passwd'],
      ...['/demo/page/main.js%00', '/demo/page/main.js/', '/demo/client/node/index.js', '/DEMO/'],
    ];
    for (const url of asks) {
      const { status, text } = await h.call('GET', url);
      assert.ok(status === 404 || status === 400, `${url}: ${status}`);
      assert.doesNotMatch(text, /import|function|root:/, url);
    }
  });

  it('has no script, style or handler in its document, and makes none', () => {
    const { text } = files.get('/demo/') ?? assert.fail();
    for (const [script] of text.matchAll(/<script[^>]*>[^<]*/g)) assert.match(script, /src="[^"]+"[^>]*>$/);
    assert.doesNotMatch(text, /<style|\sstyle=|\son\w+=|javascript:|https?:\/\//);
    for (const [path, { text: module }] of files)
      if (path.startsWith('/demo/page/') && path.endsWith('.js'))
        assert.doesNotMatch(module, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/, path);
  });

  it('keeps no token and no key: only the theme is written to storage', () => {
    const keeps = [...files].filter(([path, { text }]) => path.includes('/page/') && /Storage/.test(text));
    assert.deepEqual(
      keeps.map(([path]) => path),
      ['/demo/page/theme.js'],
    );
  });

  it('is a request like others to the log and the metrics, and needs no credentials', async () => {
    await h.call('GET', '/demo/');
    assert.match(h.logged(), /"operation":"demo","status":200/);
    assert.match(await h.metrics.registry.metrics(), /operation="demo"/);
  });

  it('is no part of the API’s description', async () => {
    const { body } = await h.call('GET', '/openapi.json');
    assert.deepEqual(
      Object.keys(body.paths as object).filter((path) => path.includes('demo')),
      [],
    );
  });
});

describe('the policy of /demo', () => {
  const target = (publicEndpoint: string, pathStyle: boolean) =>
    ({ publicEndpoint: new URL(publicEndpoint), pathStyle }) as never;
  const config = (targets: object, tenants: object, origin?: string) =>
    pagePolicy({
      s3: { targets: targets as never },
      tenants: tenants as never,
      content: {
        ...DEFAULTS.content,
        linkSecrets: [],
        origin: origin === undefined ? undefined : new URL(origin),
      },
    });

  it('lets the page reach the S3 of each tenant, by the host that its URLs have', () => {
    const policy = config(
      {
        aws: target('https://s3.eu-central-1.amazonaws.com', false),
        own: target('https://s3.example.com:9000/prefix', true),
        idle: target('https://idle.example.com', true),
      },
      {
        a: { ...TENANT, target: 'aws', bucket: 'acme-uploads' },
        b: { ...TENANT, target: 'own', bucket: 'b' },
        c: { ...TENANT, target: 'own', bucket: 'c' },
      },
    );
    assert.match(
      policy,
      /; connect-src 'self' https:\/\/acme-uploads\.s3\.eu-central-1\.amazonaws\.com https:\/\/s3\.example\.com:9000; /,
    );
    assert.doesNotMatch(policy, /idle|unsafe|\*/);
  });

  it('lets it show content where links lead, and be shown in no frame', () => {
    const policy = config({}, {}, 'https://usercontent.example.com');
    for (const kind of ['img', 'media'])
      assert.ok(policy.includes(`; ${kind}-src 'self' blob: https://usercontent.example.com; `), policy);
    assert.match(config({}, {}), /; img-src 'self' blob:; media-src 'self' blob:; connect-src 'self'; /);
    assert.match(policy, /base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/);
  });
});
