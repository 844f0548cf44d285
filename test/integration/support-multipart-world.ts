import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import { createTarget } from '../../src/s3/adapters/target.ts';
import type {
  ChecksumAlgorithm,
  ListedPart,
  MultipartUpload,
  ObjectFacts,
  S3Target,
} from '../../src/s3/port.ts';
import type { Available } from '../support/available.ts';
import type { S3Server } from '../support/s3-server.ts';
import { targetConfigOf } from '../support/s3-target.ts';
import { sendByFetch, trust, type WireAnswer } from './support-clients.ts';

export const HEADERS = {
  contentType: 'image/png',
  metadata: { invoice: '7', note: 'a b' },
  tags: { 'sealslot:v': '1', 'a b': 'c+d/e=f' },
};

export type Begun = MultipartUpload & { readonly key: CustomerKey };

/** A bucket, and what the service and its clients do there. */
export class MultipartWorld {
  readonly #backend: Available<S3Server>;
  #open: Promise<{ target: S3Target; bucket: string }> | undefined;

  constructor(backend: Available<S3Server>) {
    this.#backend = backend;
  }

  open(): Promise<{ target: S3Target; bucket: string }> {
    this.#open ??= this.#start();
    return this.#open;
  }

  async #start(): Promise<{ target: S3Target; bucket: string }> {
    const server = this.#backend.get();
    trust(server.caPem);
    const bucket = `sealslot-${randomUUID()}`;
    await server.createBucket(bucket);
    return { target: createTarget(targetConfigOf(server)), bucket };
  }

  async close(): Promise<void> {
    (await this.open()).target.close();
  }

  async begin(checksum?: ChecksumAlgorithm, key = CustomerKey.generate()): Promise<Begun> {
    const { target, bucket } = await this.open();
    const objectKey = `a b+c/${randomUUID()}/ü (1)!*'.png`;
    const uploadId = await target.multipart.begin({ bucket, objectKey }, key, HEADERS, checksum);
    return { bucket, objectKey, uploadId, key };
  }

  /** The URL of a part, as it is handed to clients. */
  async partUrl(
    { bucket, objectKey, uploadId, key }: Begun,
    partNumber: number,
    size: number,
    more: Readonly<Record<string, string>> = {},
  ): Promise<{ url: string; headers: Record<string, string> }> {
    const { target } = await this.open();
    const headers = { ...key.headers(), ...more };
    const window = await target.presigner.open(600, Date.now());
    const url = window.sign({
      method: 'PUT',
      bucket,
      objectKey,
      headers: { ...headers, 'content-length': String(size) },
      query: { partNumber: String(partNumber), uploadId },
    });
    return { url, headers };
  }

  async put(
    begun: Begun,
    partNumber: number,
    body: Buffer,
    more?: Record<string, string>,
  ): Promise<WireAnswer> {
    const asked = await this.partUrl(begun, partNumber, body.length, more);
    return sendByFetch({ method: 'PUT', ...asked, body });
  }

  async putAll(begun: Begun, bodies: readonly Buffer[]): Promise<void> {
    for (const [index, body] of bodies.entries()) {
      assert.equal((await this.put(begun, index + 1, body)).status, 200);
    }
  }

  /** @returns what sends the rest of a part whose first half S3 has, and S3's answer. */
  async putHalf(begun: Begun, partNumber: number, body: Buffer): Promise<() => Promise<[number, string]>> {
    const { url, headers } = await this.partUrl(begun, partNumber, body.length);
    const half = request(url, { method: 'PUT', headers: { ...headers, 'content-length': body.length } });
    const answered = once(half, 'response') as Promise<[import('node:http').IncomingMessage]>;
    answered.catch(() => undefined);
    const middle = body.length >> 1;
    // Written out: what does not fit into the sockets' buffers has been read by S3.
    await new Promise<void>((resolve, reject) => {
      half.once('error', reject);
      half.write(body.subarray(0, middle), () => resolve());
    });
    return async () => {
      half.end(body.subarray(middle));
      const [response] = await answered;
      return [response.statusCode ?? 0, await text(response)];
    };
  }

  async parts(begun: Begun): Promise<ListedPart[] | undefined> {
    const { target } = await this.open();
    return target.multipart.parts(begun, begun.key);
  }

  async complete(begun: Begun, checksum?: ListedPart['checksum'], parts?: readonly ListedPart[]) {
    const { target } = await this.open();
    const listed = parts ?? (await this.parts(begun));
    return target.multipart.complete(begun, begun.key, listed ?? [], checksum);
  }

  async head({ bucket, objectKey, key }: Pick<Begun, 'bucket' | 'objectKey' | 'key'>): Promise<ObjectFacts> {
    const { target } = await this.open();
    const head = await target.objects.head(bucket, objectKey, key);
    assert.equal(head.kind, 'found');
    return head.object;
  }

  async isAbsent({ bucket, objectKey, key }: Begun): Promise<boolean> {
    const { target } = await this.open();
    return (await target.objects.head(bucket, objectKey, key)).kind === 'absent';
  }

  async removeObject({ bucket, objectKey }: Begun): Promise<void> {
    const { target } = await this.open();
    const { versions } = await target.objects.remains(bucket, objectKey);
    await target.objects.remove(bucket, objectKey, { versions, multipartUploadIds: [] });
  }

  async read({ bucket, objectKey, key }: Begun): Promise<Buffer> {
    const { target } = await this.open();
    const object = { bucket, objectKey, versionId: null };
    const body = await target.content.read(object, key, new AbortController().signal);
    return Buffer.concat(await Array.fromAsync(body));
  }
}

/** S3's own name for what it refuses. */
export const codeOf = (body: Buffer | string): string => /<Code>(.*?)</.exec(body.toString())?.[1] ?? '';
