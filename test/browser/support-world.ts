import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { createTarget } from '../../src/s3/adapters/target.ts';
import type { S3Target } from '../../src/s3/port.ts';
import { makeCa, type TestCa } from '../support/ca.ts';
import { startChromium } from '../support/chromium.ts';
import type { Json } from '../support/harness.ts';
import { startMinio } from '../support/minio.ts';
import { scratchFolder, type S3Server } from '../support/s3-server.ts';
import { targetConfigOf } from '../support/s3-target.ts';
import { runToEnd, startService, type Service } from '../support/service.ts';
import { servePages, type Pages } from './support-pages.ts';
import { TlsProxy, type Certificate } from './support-proxy.ts';

const MIB = 1024 ** 2;

/** A slot as the service tells it, and what S3 has of it. */
export interface There {
  readonly state: string;
  readonly size: number;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly versions: number;
  readonly multiparts: number;
}

export interface FileOnDisk {
  readonly path: string;
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** Chromium, pages, the service and MinIO, all over TLS; what the browser says to the last two passes a proxy that writes it down. */
export class World implements AsyncDisposable {
  readonly browser: Browser;
  readonly pages: Pages;
  /** What the browser knows as the service. */
  readonly service: TlsProxy;
  /** What the browser knows as S3. */
  readonly s3: TlsProxy;
  readonly token: string;
  /** Of a tenant that demands a SHA-256. */
  readonly strictToken: string;
  /** One that no browser here trusts. */
  readonly untrusted: Certificate;
  readonly trusted: Certificate;
  readonly #dir: string;
  readonly #serve: Service;
  readonly #direct: S3Target;
  readonly #ends: (() => Promise<void>)[];
  readonly #files = new Map<number, FileOnDisk>();

  static async start(): Promise<World & { stop(): Promise<void> }> {
    const ends: (() => Promise<void>)[] = [];
    try {
      const world = await World.#build(ends);
      return Object.assign(world, { stop: () => world[Symbol.asyncDispose]() });
    } catch (error) {
      await endAll(ends);
      throw error;
    }
  }

  static async #build(ends: (() => Promise<void>)[]): Promise<World> {
    const scratch = await scratchFolder('browser');
    ends.push(scratch.remove);
    const trusted = await certificate(await makeCa(join(scratch.path, 'tls')));
    const untrusted = await certificate(await makeCa(join(scratch.path, 'other-tls')));
    const browser = await startChromium({ trusts: [trusted.cert] });
    ends.push(() => browser.stop());
    let token = '';
    const pages = await servePages(trusted, () => token);
    ends.push(async () => pages[Symbol.asyncDispose]());
    const env = { MINIO_API_CORS_ALLOW_ORIGIN: [pages.origin, pages.unknownToService].join() };
    const minio = await startMinio({ env });
    ends.push(() => minio.stop());
    await minio.createBucket('uploads');
    const s3 = await TlsProxy.to(minio.endpoint, trusted, minio.caPem);
    ends.push(() => s3[Symbol.asyncDispose]());
    const serve = await startServe(join(scratch.path, 'service'), minio, s3, pages);
    ends.push(async () => serve[Symbol.asyncDispose]());
    token = serve.token;
    const service = await TlsProxy.to(serve.url, trusted);
    ends.push(() => service[Symbol.asyncDispose]());
    const direct = createTarget(targetConfigOf(minio));
    ends.push(async () => direct.close());
    const strictToken = await runToEnd(serve.dir, {}, [
      ...['api-key', 'create', '--tenant', 'strict', '--name', 'strict'],
      ...['--scopes', 'uploads:write,uploads:read'],
    ]);
    const parts = {
      strictToken: strictToken.trim(),
      browser,
      pages,
      service,
      s3,
      serve,
      direct,
      trusted,
      untrusted,
    };
    return new World(parts, scratch.path, ends);
  }

  private constructor(
    parts: Pick<World, 'strictToken' | 'browser' | 'pages' | 'service' | 's3' | 'trusted' | 'untrusted'> & {
      serve: Service;
      direct: S3Target;
    },
    dir: string,
    ends: (() => Promise<void>)[],
  ) {
    this.browser = parts.browser;
    this.pages = parts.pages;
    this.service = parts.service;
    this.s3 = parts.s3;
    this.trusted = parts.trusted;
    this.untrusted = parts.untrusted;
    this.token = parts.serve.token;
    this.strictToken = parts.strictToken;
    this.#serve = parts.serve;
    this.#direct = parts.direct;
    this.#dir = dir;
    this.#ends = ends;
  }

  /** A file of so many bytes, no MiB like another. */
  async file(size: number): Promise<FileOnDisk> {
    const known = this.#files.get(size);
    if (known !== undefined) return known;
    const path = join(this.#dir, `file-${size}.bin`);
    const hash = createHash('sha256');
    const chunk = randomBytes(MIB);
    await using file = await open(path, 'w');
    for (let at = 0; at < size; at += MIB) {
      chunk.writeUInt32BE(at / MIB);
      const bytes = chunk.subarray(0, Math.min(MIB, size - at));
      hash.update(bytes);
      await file.write(bytes);
    }
    const made = { path, size, sha256: hash.digest('hex') };
    this.#files.set(size, made);
    return made;
  }

  /** Of the content as the service gives it back, hexadecimal. */
  async sha256Of(id: string): Promise<string> {
    const authorization = `Bearer ${this.token}`;
    const answer = await fetch(`${this.#serve.url}/v1/uploads/${id}/content`, { headers: { authorization } });
    if (!answer.ok || answer.body === null) throw new Error(`no content: ${await answer.text()}`);
    const hash = createHash('sha256');
    for await (const chunk of answer.body) hash.update(chunk);
    return hash.digest('hex');
  }

  /** Beside the browser. */
  async call(method: string, path: string, body?: unknown): Promise<Json> {
    const answer = await this.#serve.call(method, `/v1/uploads${path}`, body === undefined ? {} : { body });
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** Of every slot there is, deleted or not. */
  async slots(): Promise<Json[]> {
    const deleted = await this.call('GET', '?state=deleted&limit=100');
    return [...(await this.call('GET', '?limit=100')).uploads, ...deleted.uploads];
  }

  /** What S3 has of an upload in parts. */
  async partsOf(id: string): Promise<readonly { readonly partNumber: number; readonly size: number }[]> {
    return (await this.call('GET', `/${id}/parts`)).parts;
  }

  async there(id: string): Promise<There> {
    const slot = (await this.slots()).find((each) => each.id === id);
    if (slot === undefined) throw new Error(`no slot ${id}`);
    const { versions, multipartUploadIds } = await this.#direct.objects.remains(slot.bucket, slot.objectKey);
    return { ...slot, versions: versions.length, multiparts: multipartUploadIds.length };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endAll(this.#ends);
  }
}

async function startServe(dir: string, minio: S3Server, s3: TlsProxy, pages: Pages): Promise<Service> {
  await mkdir(dir);
  await writeFile(join(dir, 'link-secret'), randomBytes(32).toString('base64'), { mode: 0o600 });
  const yaml = `
cors: { origins: ['${pages.origin}', '${pages.unknownToS3}'] }
content: { linkSecretFiles: [link-secret] }
`;
  const tenant = `methods: [PUT, multipart] }\n  strict: { target: main, bucket: uploads, requireSha256: true`;
  return startService({ dir, s3: minio, publicEndpoint: s3.origin, tenant, yaml });
}

const certificate = async ({ certFile, keyFile }: TestCa): Promise<Certificate> => ({
  cert: await readFile(certFile, 'utf8'),
  key: await readFile(keyFile, 'utf8'),
});

async function endAll(ends: (() => Promise<void>)[]): Promise<void> {
  for (const end of ends.splice(0).reverse()) await end();
}
