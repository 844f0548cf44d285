import { createHash, randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { CHECKSUMS } from './checksums.ts';
import type { Fault } from './faults.ts';

/** One version of an object. */
export interface Version {
  readonly objectKey: string;
  /** `null` on a bucket without versions, as S3 writes it. */
  readonly id: string;
  readonly body: Buffer;
  readonly keyMd5: string | undefined;
  /** What HEAD repeats. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tagging: URLSearchParams;
  readonly checksums: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** S3's error code. */
  readonly code?: string;
  readonly message?: string;
  readonly body?: string | Buffer;
}

const SSE = 'x-amz-server-side-encryption-customer-';
const SOURCE_SSE = 'x-amz-copy-source-server-side-encryption-customer-';
const error = (status: number, code: string): Answer => ({ status, code });

/** The objects of one bucket, newest last, with SSE-C as S3 has it, and one fault. */
export class Objects {
  readonly versioning: boolean;
  readonly #fault: Fault | undefined;
  #versions: Version[] = [];
  #hasCopied = false;

  constructor(versioning: boolean, fault: Fault | undefined) {
    this.versioning = versioning;
    this.#fault = fault;
  }

  list(prefix = ''): readonly Version[] {
    return this.#versions.filter(({ objectKey }) => objectKey.startsWith(prefix));
  }

  find(objectKey: string, versionId: string | null): Version | undefined {
    return this.#versions.findLast(
      (version) => version.objectKey === objectKey && (versionId === null || version.id === versionId),
    );
  }

  delete(objectKey: string, versionId: string | null): Answer {
    const version = this.find(objectKey, versionId);
    this.#versions = this.#versions.filter((other) => other !== version);
    return { status: 204 };
  }

  put(objectKey: string, headers: IncomingHttpHeaders, body: Buffer): Answer {
    const exists = this.find(objectKey, null) !== undefined;
    if (headers['if-none-match'] === '*' && exists && this.#fault !== 'overwrites')
      return error(412, 'PreconditionFailed');
    const key = keyIn(headers, SSE);
    if (key === 'bad') return error(400, 'InvalidArgument');
    if (key !== undefined && /blocked/.test(this.#fault ?? '')) return error(403, 'AccessDenied');
    if (key !== undefined && this.#fault === 'knows no sse-c') return error(501, 'NotImplemented');
    for (const [kind, checksum] of Object.entries(CHECKSUMS)) {
      const claimed = headers[`x-amz-checksum-${kind}`];
      if (claimed !== undefined && claimed !== checksum(body) && !/checksums$/.test(this.#fault ?? ''))
        return error(400, 'BadDigest');
    }
    return this.#store({
      objectKey,
      body,
      keyMd5: this.#fault === 'stores plain text' ? undefined : key,
      headers: repeated(headers, this.#fault === 'forgets metadata'),
      tagging: new URLSearchParams(
        this.#fault === 'forgets tags' ? '' : String(headers['x-amz-tagging'] ?? ''),
      ),
      checksums: this.#checksumsOf(headers, body),
    });
  }

  /** @param tagging the XML of PutObjectTagging. */
  tag(version: Version, tagging: Buffer): Answer {
    const tags = [...tagging.toString().matchAll(/<Key>([^<]*)<\/Key><Value>([^<]*)<\/Value>/g)];
    const tagged = {
      ...version,
      tagging: new URLSearchParams(tags.map(([, name = '', value = '']) => [name, value])),
    };
    if (this.#fault !== 'forgets new tags')
      this.#versions = this.#versions.map((other) => (other === version ? tagged : other));
    return { status: 200 };
  }

  get(version: Version, headers: IncomingHttpHeaders): Answer {
    if (this.#hasCopied && this.#fault === 'is busy after a copy') return error(503, 'SlowDown');
    const refused = this.#withoutKey(version, keyIn(headers, SSE));
    if (refused !== undefined) return refused;
    const { body, checksums } = version;
    const bytes = this.#fault === 'gives other bytes' ? Buffer.from(body).reverse() : body;
    const described = {
      ...version.headers,
      ...this.#made(version),
      ...(headers['x-amz-checksum-mode'] !== undefined && checksums),
    };
    const range = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '');
    if (range === null || this.#fault === 'ignores ranges')
      return { status: 200, headers: described, body: bytes };
    const [from, to] = [Number(range[1]), Number(range[2])];
    return { status: 206, headers: described, body: bytes.subarray(from, to + 1) };
  }

  copy(objectKey: string, headers: IncomingHttpHeaders): Answer {
    if (this.#fault === 'cannot copy') return error(501, 'NotImplemented');
    if (this.#fault === 'denies copies') return error(403, 'AccessDenied');
    const [path = '', query] = decodeURIComponent(String(headers['x-amz-copy-source'])).split('?versionId=');
    const source = this.find(path.slice(path.indexOf('/') + 1), query ?? null);
    if (source === undefined) return error(404, 'NoSuchKey');
    const refused = this.#withoutKey(source, keyIn(headers, SOURCE_SSE));
    if (refused !== undefined) return refused;
    this.#hasCopied = true;
    const body = this.#fault === 'corrupts copies' ? Buffer.from(source.body).reverse() : source.body;
    const { status, headers: made = {} } = this.#store({
      ...source,
      objectKey,
      body,
      keyMd5: keyIn(headers, SSE),
    });
    return { status, headers: made, body: '<CopyObjectResult><ETag>"copy"</ETag></CopyObjectResult>' };
  }

  #withoutKey({ keyMd5 }: Version, key: string | undefined): Answer | undefined {
    if (keyMd5 === undefined) return key === undefined ? undefined : error(400, 'InvalidRequest');
    if (key === undefined)
      return this.#fault === 'answers without the key' ? undefined : error(400, 'InvalidRequest');
    return key === keyMd5 || this.#fault === 'answers with any key' ? undefined : error(403, 'AccessDenied');
  }

  #store(made: Omit<Version, 'id'>): Answer {
    if (!this.versioning) this.delete(made.objectKey, null);
    const version = { ...made, id: this.versioning ? randomUUID() : 'null' };
    this.#versions.push(version);
    return { status: 200, headers: this.#made(version) };
  }

  #made({ id, body, keyMd5 }: Version): Record<string, string> {
    return {
      etag: `"${createHash('sha1').update(body).digest('hex')}"`,
      ...(this.versioning && { 'x-amz-version-id': id }),
      ...(keyMd5 !== undefined && { [`${SSE}algorithm`]: 'AES256', [`${SSE}key-md5`]: keyMd5 }),
    };
  }

  #checksumsOf(headers: IncomingHttpHeaders, body: Buffer): Record<string, string> {
    const claimed = headers['x-amz-checksum-sha256'];
    if (claimed === undefined || this.#fault === 'ignores checksums') return {};
    const real = CHECKSUMS['sha256']?.(body) ?? '';
    return { 'x-amz-checksum-sha256': this.#fault === 'believes checksums' ? String(claimed) : real };
  }
}

/** The MD5 of the customer key in a request; `bad` when the three headers do not fit each other. */
export function keyIn(headers: IncomingHttpHeaders, prefix = SSE): string | undefined {
  const [algorithm, key, md5] = ['algorithm', 'key', 'key-md5'].map((name) => headers[prefix + name]);
  if (algorithm === undefined && key === undefined && md5 === undefined) return undefined;
  const computed = createHash('md5')
    .update(Buffer.from(String(key), 'base64'))
    .digest('base64');
  return algorithm === 'AES256' && md5 === computed ? computed : 'bad';
}

function repeated(headers: IncomingHttpHeaders, withoutMetadata: boolean): Record<string, string> {
  const kept = Object.entries(headers).filter(
    ([name]) => name === 'content-type' || (name.startsWith('x-amz-meta-') && !withoutMetadata),
  );
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
}
