import { DependencyUnavailable } from '../../src/errors.ts';
import type { CustomerKey } from '../../src/custody/customer-key.ts';
import { createPresigner } from '../../src/s3/adapters/sigv4-presigner.ts';
import type { HeadResult, ObjectFacts, ObjectRemains, ObjectStore, S3Target } from '../../src/s3/port.ts';
import { fakeBuckets } from './fake-s3/buckets.ts';
import { fakeContent } from './fake-s3/content.ts';
import { fakeMultipart, type FakePart, type FakeUpload } from './fake-s3/multipart.ts';
import { fakeTags } from './fake-s3/tags.ts';
import { Shelf, type FakeObject, type FakeVersion } from './fake-s3/shelf.ts';

export type { FakePart, FakeUpload } from './fake-s3/multipart.ts';
export type { FakeObject, FakeVersion } from './fake-s3/shelf.ts';

/** A call of a port to the fake: `copy`, the third of its kind, of this object. */
export interface FakeCall {
  readonly name: FakeCallName;
  /** Counted from 1 for each name. */
  readonly nth: number;
  readonly bucket: string;
  readonly objectKey: string;
}

export type FakeCallName =
  | 'head'
  | 'remains'
  | 'remove'
  | 'read'
  | 'open'
  | 'copy'
  | 'stream'
  | 'getTags'
  | 'putTags'
  | 'versions'
  | 'putSmall'
  | 'getSmall'
  | 'beginMultipart'
  | 'listParts'
  | 'completeMultipart'
  | 'abortMultipart';

/** An S3 in memory, for the faults and the timing that a real server can't be made to show. `fakeTarget` hands out all of its ports. */
export class FakeObjectStore implements ObjectStore {
  readonly shelf = new Shelf();
  /** What was put by `putSmall`: bucket, a slash, object key. */
  readonly small = new Map<string, Uint8Array>();
  /** The ids of unfinished multipart uploads by object key. */
  readonly unfinished = new Map<string, string[]>();
  /** What is known of unfinished uploads that were begun by `begin`, by id. */
  readonly uploads = new Map<string, FakeUpload>();
  /** How often each call was begun. */
  readonly calls = new Map<FakeCallName, number>();
  /** When set, the answer to every HEAD. */
  headAnswer: HeadResult | undefined;
  /** When set, every call fails as a dead S3 does. */
  dead = false;
  /** When set, listing fails: absence can't be proven. */
  listingFails = false;
  /** When set, copies are answered as servers do that have none under SSE-C. */
  copyUnsupported = false;
  /** Before the call has done anything; a throw takes its place. */
  before: ((call: FakeCall) => void | Promise<void>) | undefined;
  /** After the call has done its work; a throw takes the place of its answer. */
  after: ((call: FakeCall) => void | Promise<void>) | undefined;
  removals = 0;
  /** Multipart uploads so far. */
  begun = 0;
  #parts = 0;

  /** With versions, what is written anew lies on top of what was there. */
  get versioned(): boolean {
    return this.shelf.versioned;
  }

  set versioned(versioned: boolean) {
    this.shelf.versioned = versioned;
  }

  /** The newest version of every object that has one, by object key. A copy of the state. */
  get objects(): ReadonlyMap<string, FakeVersion> {
    return this.shelf.newest();
  }

  /** All versions of one object, the newest first. */
  versionsOf(objectKey: string): readonly FakeVersion[] {
    return this.shelf.versionsOf(objectKey);
  }

  /** A client's PUT. Without a bucket in `object` it lies in every bucket. */
  put(
    objectKey: string,
    key: CustomerKey,
    facts: Partial<ObjectFacts>,
    object: Partial<FakeObject> = {},
  ): FakeVersion {
    return this.shelf.put(objectKey, key, facts, object);
  }

  /** A client's PUT of a part, in the place of the one with its number. Throws as S3 says 404 when there is no such upload. */
  putPart(uploadId: string, part: Partial<FakePart> & Pick<FakePart, 'partNumber'>): FakePart {
    const upload = this.uploads.get(uploadId);
    if (upload === undefined) throw new Error('NoSuchUpload');
    const { partNumber, bytes } = part;
    this.#parts += 1;
    const put = { size: bytes?.length ?? 0, etag: `"part-${partNumber}-${this.#parts}"`, ...part };
    upload.parts.set(partNumber, put);
    return put;
  }

  /** An upload that is over. */
  forget(objectKey: string, uploadId: string): void {
    this.uploads.delete(uploadId);
    const left = this.unfinished.get(objectKey)?.filter((id) => id !== uploadId);
    if (left !== undefined) this.unfinished.set(objectKey, left);
  }

  /** The `nth` call of this name fails, counted from now: before it does anything, or when its work is done and only its answer is lost. */
  failAt(name: FakeCallName, nth: number, when: 'before' | 'after' = 'before', error?: Error): void {
    const at = (this.calls.get(name) ?? 0) + nth;
    const earlier = this[when];
    this[when] = async (call) => {
      await earlier?.(call);
      if (call.name === name && call.nth === at) throw error ?? new DependencyUnavailable('s3', undefined);
    };
  }

  /** What every call goes through. */
  async called<T>(
    name: FakeCallName,
    { bucket, objectKey }: { bucket: string; objectKey: string },
    act: () => T | Promise<T>,
  ): Promise<T> {
    const nth = (this.calls.get(name) ?? 0) + 1;
    this.calls.set(name, nth);
    const call = { name, nth, bucket, objectKey };
    if (this.dead) throw new DependencyUnavailable('s3', undefined);
    await this.before?.(call);
    const answer = await act();
    await this.after?.(call);
    return answer;
  }

  head(
    bucket: string,
    objectKey: string,
    key: CustomerKey | undefined,
    versionId?: string,
  ): Promise<HeadResult> {
    return this.called('head', { bucket, objectKey }, () => {
      if (this.headAnswer !== undefined) return this.headAnswer;
      const object = this.shelf.find({ bucket, objectKey, versionId: versionId ?? null });
      if (object === undefined) return { kind: 'absent' };
      if (key?.md5() !== object.keyMd5) {
        return { kind: 'unknown', status: key === undefined ? 400 : 403, code: 'Refused' };
      }
      return { kind: 'found', object: object.facts };
    });
  }

  remains(bucket: string, objectKey: string): Promise<ObjectRemains> {
    return this.called('remains', { bucket, objectKey }, () => {
      if (this.listingFails) throw new DependencyUnavailable('s3', undefined);
      const versions = this.shelf.versionsOf(objectKey, bucket);
      return {
        versions: versions.map(({ facts }) => ({ versionId: this.versioned ? facts.versionId : null })),
        multipartUploadIds: [...(this.unfinished.get(objectKey) ?? [])],
      };
    });
  }

  remove(bucket: string, objectKey: string, remains: ObjectRemains): Promise<void> {
    return this.called('remove', { bucket, objectKey }, () => {
      remains.multipartUploadIds.forEach((id) => this.forget(objectKey, id));
      const removed = this.shelf.remove(bucket, objectKey, remains.versions);
      if (removed) this.removals += 1;
    });
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
  const s3 = objects instanceof FakeObjectStore ? objects : new FakeObjectStore();
  return {
    objects,
    content: fakeContent(s3),
    multipart: fakeMultipart(s3),
    tags: fakeTags(s3),
    buckets: fakeBuckets(s3),
    credentials,
    presigner,
    uploadPresigner: presigner,
    close: () => undefined,
  };
}
