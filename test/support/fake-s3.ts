import type { CustomerKey } from '../../src/custody/customer-key.ts';
import { DependencyUnavailable } from '../../src/errors.ts';
import type { HeadResult, ObjectFacts, ObjectRemains, ObjectStore, S3Target } from '../../src/s3/port.ts';
import { createPresigner } from '../../src/s3/adapters/sdk-presigner.ts';

/** An object store in memory, for the faults and the timing that a real server can't be made to show. */
export class FakeObjectStore implements ObjectStore {
  readonly objects = new Map<string, { facts: ObjectFacts; keyMd5: string }>();
  /** When set, the answer to every HEAD. */
  headAnswer: HeadResult | undefined;
  /** When set, every call fails as a dead S3 does. */
  dead = false;
  /** When set, listing fails: absence can't be proven. */
  listingFails = false;
  removals = 0;

  put(objectKey: string, key: CustomerKey, facts: Partial<ObjectFacts>): void {
    this.objects.set(objectKey, {
      keyMd5: key.md5(),
      facts: {
        size: 0,
        contentType: null,
        etag: '"etag"',
        versionId: null,
        sseCustomerAlgorithm: 'AES256',
        sseCustomerKeyMd5: key.md5(),
        sha256: null,
        metadata: {},
        contentEncoding: null,
        contentDisposition: null,
        cacheControl: null,
        storageClass: null,
        tagCount: 0,
        ...facts,
      },
    });
  }

  async head(_bucket: string, objectKey: string, key: CustomerKey | undefined): Promise<HeadResult> {
    if (this.dead) throw new DependencyUnavailable('s3', undefined);
    if (this.headAnswer !== undefined) return this.headAnswer;
    const object = this.objects.get(objectKey);
    if (object === undefined) return { kind: 'absent' };
    if (key?.md5() !== object.keyMd5)
      return { kind: 'unknown', status: key === undefined ? 400 : 403, code: 'Refused' };
    return { kind: 'found', object: object.facts };
  }

  async remains(_bucket: string, objectKey: string): Promise<ObjectRemains> {
    if (this.dead || this.listingFails) throw new DependencyUnavailable('s3', undefined);
    return { versions: this.objects.has(objectKey) ? [{ versionId: null }] : [], multipartUploadIds: [] };
  }

  async remove(_bucket: string, objectKey: string): Promise<void> {
    if (this.dead) throw new DependencyUnavailable('s3', undefined);
    if (this.objects.delete(objectKey)) this.removals += 1;
  }

  skewMs(): number {
    return 0;
  }
}

/** The fake store behind the real presigner. */
export function fakeTarget(objects: ObjectStore, secretAccessKey = 'secret'): S3Target {
  const credentials = async () => ({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey });
  const presigner = createPresigner({
    target: { publicEndpoint: new URL('https://s3.example.com'), region: 'us-east-1', pathStyle: true },
    credentials,
    skewMs: () => 0,
  });
  return { objects, credentials, presigner, close: () => undefined };
}
