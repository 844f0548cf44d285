import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { makeCa } from '../support/ca.ts';
import { startChromium } from '../support/chromium.ts';
import { startMinio } from '../support/minio.ts';
import { waitUntil } from '../support/processes.ts';
import type { S3Server } from '../support/s3-server.ts';
import { runToEnd, startService, type Service } from '../support/service.ts';
import { TlsProxy } from './support-proxy.ts';

/** So that one type is refused at once, by the service. */
const TENANT = 'contentTypes: [image/*, video/*, text/*, application/octet-stream]';

export const DESKTOP: BrowserContextOptions = { viewport: { width: 1180, height: 860 } };
export const PHONE: BrowserContextOptions = { viewport: { width: 360, height: 740 }, hasTouch: true };

/** The page of a service as it is served, in Chromium, and a MinIO over TLS that lets pages of 127.0.0.1 in, but none of localhost. */
export class PageWorld implements AsyncDisposable {
  readonly browser: Browser;
  readonly s3: TlsProxy;
  readonly service: Service;
  readonly caFile: string;
  readonly dir: string;
  readonly #minio: S3Server;
  readonly #ends: AsyncDisposableStack;

  static async start(): Promise<PageWorld & { stop(): Promise<void> }> {
    await using ends = new AsyncDisposableStack();
    const dir = await mkdtemp(join(tmpdir(), 'sealslot-page-'));
    ends.defer(() => rm(dir, { recursive: true, force: true }));
    const ca = await makeCa(join(dir, 'tls'));
    const certificate = {
      cert: await readFile(ca.certFile, 'utf8'),
      key: await readFile(ca.keyFile, 'utf8'),
    };
    const browser = await startChromium({ trusts: [certificate.cert] });
    ends.defer(() => browser.stop());
    const minio = await startMinio({ env: { MINIO_API_CORS_ALLOW_ORIGIN: 'http://127.0.0.1:*' } });
    ends.defer(() => minio.stop());
    await minio.createBucket('uploads', { versioning: true });
    const s3 = ends.use(await TlsProxy.to(minio.endpoint, certificate, minio.caPem));
    const service = ends.use(await startDemo(join(dir, 'service'), minio, s3, true));
    const kept = ends.move();
    const world = new PageWorld({ browser, s3, service, minio, dir, caFile: ca.caFile }, kept);
    return Object.assign(world, { stop: () => kept.disposeAsync() });
  }

  private constructor(
    parts: Pick<PageWorld, 'browser' | 's3' | 'service' | 'dir' | 'caFile'> & { minio: S3Server },
    ends: AsyncDisposableStack,
  ) {
    this.browser = parts.browser;
    this.s3 = parts.s3;
    this.service = parts.service;
    this.dir = parts.dir;
    this.caFile = parts.caFile;
    this.#minio = parts.minio;
    this.#ends = ends;
  }

  /** Another one beside it, whose configuration has no secret for links. */
  async withoutLinks(): Promise<Service> {
    return startDemo(join(this.dir, 'without-links'), this.#minio, this.s3, false);
  }

  /** An API key's token. */
  async token(name: string, scopes: string): Promise<string> {
    const args = ['api-key', 'create', '--tenant', 'acme', '--name', name, '--scopes', scopes];
    return (await runToEnd(this.service.dir, {}, args)).trim();
  }

  async open(options: BrowserContextOptions = DESKTOP, url = this.service.url): Promise<DemoPage> {
    const context = await this.browser.newContext(options);
    const page = await context.newPage();
    const demo = new DemoPage(page);
    await page.goto(`${url}/demo`);
    return demo;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ends.disposeAsync();
  }
}

/** Those of a file to choose. */
export interface Chosen {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

export const text = (name: string, size = 1000): Chosen => ({
  name,
  mimeType: 'text/plain',
  buffer: randomBytes(size),
});

/** A tab with the page, as people and screen readers find their way in it. */
export class DemoPage implements AsyncDisposable {
  readonly page: Page;
  /** What the browser complained about: the policy, or a script that failed. */
  readonly complaints: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      // That a request failed is told as an error too.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        this.complaints.push(message.text());
    });
  }

  async signIn(token: string): Promise<void> {
    await this.page.getByLabel('Token').fill(token);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
    await this.page.getByText('Signed in with').waitFor();
  }

  async choose(...files: Chosen[]): Promise<void> {
    await this.page.getByLabel('Files').setInputFiles(files);
  }

  /** The row of a file of this visit. */
  upload(name: string) {
    return this.#row('Uploads of this visit', name);
  }

  /** The row of a slot. */
  slot(name: string) {
    return this.#row('Slots', name);
  }

  #row(list: string, name: string) {
    return this.page
      .getByRole('list', { name: list, exact: true })
      .getByRole('listitem')
      .filter({ has: this.page.getByRole('heading', { name, exact: true }) })
      .first();
  }

  /** The list may be made anew meanwhile. */
  async scrollTo(name: string): Promise<void> {
    await waitUntil(`the slot ${name} in sight`, () =>
      this.slot(name)
        .scrollIntoViewIfNeeded()
        .then(
          () => true,
          () => false,
        ),
    );
  }

  async uploaded(name: string): Promise<void> {
    await this.upload(name).getByText('Uploaded', { exact: true }).waitFor();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
  }
}

async function startDemo(dir: string, s3: S3Server, proxy: TlsProxy, links: boolean): Promise<Service> {
  await mkdir(dir);
  for (const name of ['link-secret', 'grant-secret'])
    await writeFile(join(dir, name), randomBytes(32).toString('base64'), { mode: 0o600 });
  const yaml = `
demo: { enabled: true }
grants: { secretFiles: [grant-secret] }
${links ? 'content: { linkSecretFiles: [link-secret] }' : ''}
retention: { deleteMarginSeconds: 1 }
jobs: { intervalSeconds: 1 }
`;
  return startService({ dir, s3, publicEndpoint: proxy.origin, tenant: TENANT, yaml });
}
