import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import type { IncomingMessage, RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { build } from 'esbuild';
import { SignJWT } from 'jose';
import type { Page } from 'playwright-core';
import { makeBin } from '../../scripts/restore-drill/runbook.ts';
import { startShell, type Shell } from '../../scripts/demo/shell.ts';
import { startChromium } from '../support/chromium.ts';
import { credentialsWithout } from '../support/minio-session.ts';
import { startMinio } from '../support/minio.ts';
import { freePort } from '../support/processes.ts';
import type { S3Server } from '../support/s3-server.ts';
import { startFront, type Behind, type Front } from '../support/names/front.ts';
import { pythonVenv } from '../support/python.ts';
import { setUp, startService, type Service } from '../support/service.ts';
import { ROOT } from '../unit/docs/pages.ts';
import { start } from './support-partner.ts';

const REQUIREMENTS = new URL('../support/requirements-python-client.txt', import.meta.url).pathname;
const NAMES = new URL('../support/names/', import.meta.url);
const ISSUER = 'https://issuer.example.com';
/** What the documents call them. */
export const [SERVICE, S3, SITE] = ['uploads.example.com', 's3.example.com', 'app.example.com'];
/** An S3 of the reader's own, and where a service listens, the tests' or one that a page sets up by itself. */
const [OWN_S3, LOCAL] = ['minio.example.com:9000', '127.0.0.1:8080'];

const WEBHOOK_SECRET = `whsec_${randomBytes(32).toString('base64')}`;

/** What snippets read. */
export const FILES: Readonly<Record<string, Buffer>> = {
  'report.pdf': Buffer.from(`%PDF-1.4\n${'a line of the report\n'.repeat(20_000)}`),
  'video.mp4': randomBytes(30 * 1024 ** 2),
  // The session of a backend, for which each of them has its own.
  'session.js': Buffer.from("export const userOf = () => ({ id: 'user-1', sessionId: 'session-1' });\n"),
  'photos/one.jpg': randomBytes(30_000),
  'photos/two.jpg': randomBytes(40_000),
  ...Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`codes/${n}.codes`, Buffer.from(`${n}`)])),
};

interface Parts {
  readonly service: Service;
  readonly front: Front;
  readonly minio: S3Server;
  readonly ownPort: number;
  readonly dir: string;
  readonly bin: string;
  readonly python: string;
  readonly browser: Awaited<ReturnType<typeof startChromium>>;
  /** Of the identity provider that the service believes. */
  readonly signing: KeyObject;
}

const nothingHere: RequestListener = (_request, response) => void response.writeHead(404).end();

/** One service, one MinIO and one Chromium for all pages. Nothing in a snippet is changed: its host names lead here. */
export class SnippetWorld implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #parts: Parts;
  /** What answers under SITE. */
  site: (request: IncomingMessage) => Behind = () => nothingHere;

  static async open(): Promise<SnippetWorld> {
    const stack = new AsyncDisposableStack();
    try {
      const dir = await mkdtemp(join(tmpdir(), 'sealslot-snippets-'));
      stack.defer(() => rm(dir, { recursive: true, force: true }));
      const python = await pythonVenv('python-client', REQUIREMENTS);
      const minio = stack.use(await startMinio());
      for (const bucket of ['uploads', 'acme-uploads'])
        await minio.createBucket(bucket, { versioning: true });
      const upstream: { service?: Service; world?: SnippetWorld } = {};
      const front = stack.use(
        await startFront(dir, {
          [SERVICE]: () => ({ url: upstream.service?.url ?? '' }),
          [S3]: () => ({ url: minio.endpoint, ca: minio.caPem }),
          'minio.example.com': () => ({ url: minio.endpoint, ca: minio.caPem }),
          [SITE]: (request) => upstream.world?.site(request) ?? nothingHere,
        }),
      );
      const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const service = stack.use(await serve(join(dir, 'service'), minio, front, keys.publicKey));
      const browser = await startChromium({
        trusts: [front.certificate],
        names: Object.fromEntries([SERVICE, S3, SITE].map((name) => [`${name}:443`, front.port])),
      });
      stack.defer(() => browser.stop());
      const bin = await makeBin(dir);
      const ownPort = await freePort();
      const parts = { service, front, minio, ownPort, dir, bin, python, browser, signing: keys.privateKey };
      const world = new SnippetWorld(stack, parts);
      Object.assign(upstream, { service, world });
      return world;
    } catch (error) {
      await stack.disposeAsync();
      throw error;
    }
  }

  private constructor(stack: AsyncDisposableStack, parts: Parts) {
    this.#stack = stack;
    this.#parts = parts;
  }

  get service(): Service {
    return this.#parts.service;
  }

  get front(): Front {
    return this.#parts.front;
  }

  get minio(): S3Server {
    return this.#parts.minio;
  }

  /** Where a service that a page sets up by itself listens, in place of 8080. */
  get ownPort(): number {
    return this.#parts.ownPort;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** Of a user who is logged in at the operator's identity provider. */
  jwt(scope = 'uploads:write'): Promise<string> {
    return new SignJWT({ scope, sub: 'user-1' })
      .setProtectedHeader({ alg: 'ES256', kid: 'tests', typ: 'at+jwt' })
      .setIssuer(ISSUER)
      .setAudience('sealslot')
      .setIssuedAt()
      .setExpirationTime('10m')
      .sign(this.#parts.signing);
  }

  /** A folder with the files that snippets read, and what they import. */
  async folder(name: string): Promise<string> {
    const dir = join(this.#parts.dir, name.replaceAll('/', '-'));
    for (const [path, bytes] of Object.entries(FILES)) {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), bytes);
    }
    await writeFile(join(dir, '.curlrc'), this.#curlrc());
    await modules(dir);
    return dir;
  }

  #ports(isOwn: boolean): Record<string, number> {
    return {
      ...Object.fromEntries([SERVICE, S3, SITE].map((name) => [`${name}:443`, this.front.port])),
      [OWN_S3]: this.front.port,
      '127.0.0.1:9000': this.front.port,
      [LOCAL]: isOwn ? this.ownPort : Number(new URL(this.service.url).port),
    };
  }

  #curlrc(): string {
    return Object.entries(this.#ports(false))
      .map(([name, port]) => `connect-to = "${name}:127.0.0.1:${port}"\n`)
      .join('');
  }

  /** Secrets, who is trusted, and the way from names to servers; all a snippet gets from outside. */
  env(dir: string, isOwn = false): Record<string, string> {
    const { caFile } = this.front;
    const names = JSON.stringify(this.#ports(isOwn));
    return {
      SEALSLOT_API_KEY: this.service.token,
      WEBHOOK_SECRET,
      NODE_EXTRA_CA_CERTS: caFile,
      CURL_CA_BUNDLE: caFile,
      REQUESTS_CA_BUNDLE: caFile,
      SEALSLOT_CA_FILE: caFile,
      NODE_OPTIONS: `--import=${new URL('node.ts', NAMES).href}?${encodeURIComponent(names)}`,
      SNIPPET_PORTS: names,
      PYTHONPATH: NAMES.pathname,
      PYTHONDONTWRITEBYTECODE: '1',
      CURL_HOME: dir,
      NO_PROXY: '*',
      no_proxy: '*',
      PATH: [this.#parts.bin, this.#parts.python, dirname(process.execPath), process.env['PATH'] ?? ''].join(
        delimiter,
      ),
    };
  }

  /** @returns what it printed; a program that fails is an error with what it said. */
  async program(
    dir: string,
    language: 'js' | 'python',
    file: string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const command = language === 'python' ? join(this.#parts.python, 'python') : process.execPath;
    const ended = await start(command, [file], { cwd: dir, env: { ...this.env(dir), ...more } }).ended;
    assert.equal(ended.status, 0, `${file}: ${ended.stderr}${ended.stdout}`);
    return ended.stdout;
  }

  /** @param cwd where it begins. @param more what stands in its environment beside what all get. @param isOwn whether port 8080 is `ownPort`. */
  shell(
    dir: string,
    { cwd, more, isOwn }: { cwd: string; more: Readonly<Record<string, string>>; isOwn: boolean },
    onError: (line: string) => void,
  ): Shell {
    return startShell({ ...this.env(dir, isOwn), ...more }, onError, cwd);
  }

  /**
   * Opens `html` under SITE with `script` as its page.js, bundled as a reader's own tools do it.
   * @param backend what answers there to all else; without one, `/upload-token` alone is answered, by a JWT.
   */
  async page(
    dir: string,
    { html, script, headers, backend }: { html: string; script: string; headers: object; backend?: string },
  ): Promise<Page> {
    const bundle = await build({
      stdin: { contents: script, resolveDir: dir, sourcefile: 'page.js' },
      ...{ bundle: true, write: false, format: 'esm', platform: 'browser', logLevel: 'silent' },
    });
    const { text = '' } = bundle.outputFiles[0] ?? {};
    const token = JSON.stringify({ token: await this.jwt() });
    const answers: Readonly<Record<string, readonly [type: string, body: string]>> = {
      'GET /': ['text/html', `<!doctype html><meta charset="utf-8">${html}`],
      'GET /page.js': ['text/javascript', text],
      ...(backend === undefined && { 'POST /upload-token': ['application/json', token] }),
    };
    this.site = ({ method = '', url = '' }) => {
      const answer = answers[`${method} ${url}`];
      if (answer === undefined) return backend === undefined ? nothingHere : { url: backend };
      return (_request, response) =>
        void response.writeHead(200, { 'content-type': answer[0], ...headers }).end(answer[1]);
    };
    const page = await this.#parts.browser.newPage();
    await page.goto(`https://${SITE}/`);
    return page;
  }
}

async function serve(dir: string, minio: S3Server, front: Front, publicKey: KeyObject): Promise<Service> {
  await mkdir(dir);
  const caFile = join(dir, 's3-ca.pem');
  await writeFile(join(dir, 'whsec'), WEBHOOK_SECRET, { mode: 0o600 });
  await writeFile(join(dir, 'secret'), randomBytes(32).toString('base64'), { mode: 0o600 });
  const webhook = `{ url: 'https://${SITE}/hooks/uploads', secretFiles: [whsec], allowedAddresses: [127.0.0.0/8], caFile: '${caFile}' }`;
  await writeFile(caFile, minio.caPem + (await readFile(front.caFile, 'utf8')));
  const options = {
    dir,
    s3: { ...minio, caFile },
    uploadCredentials: await credentialsWithout(minio, 's3:GetObject', 's3:PutObjectFanOut'),
    tenant: `methods: [PUT, POST, multipart], webhooks: { crm: ${webhook} }`,
    yaml: `cors: { origins: ['https://${SITE}'] }\njobs: { intervalSeconds: 1 }\ngrants: { secretFiles: [secret] }\ncontent: { linkSecretFiles: [secret] }\n`,
  };
  await setUp(dir, options);
  const path = join(dir, 'sealslot.yaml');
  const text = await readFile(path, 'utf8');
  // Clients reach S3 by a name of the documents, too, and so can be watched and cut off.
  await writeFile(path, text.replace('pathStyle:', `publicEndpoint: https://${S3}\n      pathStyle:`));
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'tests', alg: 'ES256', use: 'sig' };
  await writeFile(join(dir, 'jwks.json'), JSON.stringify({ keys: [jwk] }));
  const ports = encodeURIComponent(
    JSON.stringify({ [`${S3}:443`]: front.port, [`${SITE}:443`]: front.port, '127.0.0.1:443': front.port }),
  );
  return startService({ ...options, nodeArgs: [`--import=${new URL('node.ts', NAMES).href}?${ports}`] });
}

/** What `import 'sealslot/…'` and `import 'axios'` find: this package by its sources, and the others that are installed here. */
async function modules(dir: string): Promise<void> {
  const own = join(dir, 'node_modules', 'sealslot');
  await mkdir(own, { recursive: true });
  const { name, exports } = JSON.parse(await readFile(new URL('package.json', ROOT), 'utf8')) as {
    name: string;
    exports: Record<string, string | { default: string }>;
  };
  const entries = Object.entries(exports).flatMap(([path, to]) =>
    typeof to === 'string'
      ? []
      : [[path, to.default.replace('./dist/', './src/').replace(/\.js$/, '.ts')] as const],
  );
  await writeFile(
    join(own, 'package.json'),
    JSON.stringify({ name, type: 'module', exports: Object.fromEntries(entries) }),
  );
  // A link: Node strips types of what does not lie below node_modules, and goes by the real path.
  await symlink(new URL('src', ROOT).pathname, join(own, 'src'));
  for (const other of ['axios', 'standardwebhooks']) {
    await symlink(new URL(`node_modules/${other}`, ROOT).pathname, join(dir, 'node_modules', other));
  }
  await writeFile(join(dir, 'package.json'), '{"type":"module"}');
}
