import { createHash } from 'node:crypto';
import type { CustomerKey } from '../../../src/custody/customer-key.ts';
import type { ObjectFacts, ObjectVersion } from '../../../src/s3/port.ts';

/** What a test may say of an object that HEAD does not. */
export interface FakeObject {
  /** Undefined lies in every bucket. */
  readonly bucket: string | undefined;
  /** Zeros of the size in its facts, unless given. */
  readonly bytes: Uint8Array | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
}

export interface FakeVersion extends FakeObject {
  readonly objectKey: string;
  readonly facts: ObjectFacts;
  readonly keyMd5: string;
  readonly isDeleteMarker: boolean;
}

/** Every version of every object. */
export class Shelf {
  versioned = false;
  /** The newest first. */
  readonly #versions = new Map<string, FakeVersion[]>();
  #count = 0;

  put(
    objectKey: string,
    key: CustomerKey,
    facts: Partial<ObjectFacts>,
    object: Partial<FakeObject>,
  ): FakeVersion {
    this.#count += 1;
    const { bytes, tags = {} } = object;
    return this.#add({
      objectKey,
      bucket: object.bucket,
      bytes,
      tags,
      modifiedAt: object.modifiedAt ?? 0,
      isDeleteMarker: false,
      keyMd5: key.md5(),
      facts: {
        size: bytes?.length ?? 0,
        contentType: null,
        etag: this.#versions.has(objectKey) ? `"etag-${this.#count}"` : '"etag"',
        versionId: this.versioned ? `version-${this.#count}` : null,
        sseCustomerAlgorithm: 'AES256',
        sseCustomerKeyMd5: key.md5(),
        sha256: bytes === undefined ? null : createHash('sha256').update(bytes).digest('base64'),
        crc32c: null,
        crc64nvme: null,
        metadata: {},
        contentEncoding: null,
        contentDisposition: null,
        contentLanguage: null,
        cacheControl: null,
        expires: null,
        websiteRedirect: null,
        storageClass: null,
        tagCount: Object.keys(tags).length,
        ...facts,
      },
    });
  }

  newest(): Map<string, FakeVersion> {
    const found = [...this.#versions].flatMap(([objectKey, [top]]) =>
      top === undefined || top.isDeleteMarker ? [] : [[objectKey, top] as const],
    );
    return new Map(found);
  }

  all(): FakeVersion[] {
    return [...this.#versions.keys()].toSorted().flatMap((objectKey) => this.#versions.get(objectKey) ?? []);
  }

  versionsOf(objectKey: string, bucket?: string): FakeVersion[] {
    return (this.#versions.get(objectKey) ?? []).filter((version) => lies(version, bucket));
  }

  /** @returns undefined when there is none, and of a delete marker. */
  find({ bucket, objectKey, versionId }: ObjectVersion): FakeVersion | undefined {
    const versions = this.versionsOf(objectKey, bucket);
    const found =
      versionId === null
        ? versions[0]
        : versions.find(({ facts }) => (facts.versionId ?? 'null') === versionId);
    return found?.isDeleteMarker === true ? undefined : found;
  }

  tag(version: FakeVersion, tags: Readonly<Record<string, string>>): void {
    const facts = { ...version.facts, tagCount: Object.keys(tags).length };
    const versions = this.#versions.get(version.objectKey) ?? [];
    this.#versions.set(
      version.objectKey,
      versions.map((other) => (other === version ? { ...version, facts, tags } : other)),
    );
  }

  /** @returns whether anything went. */
  remove(bucket: string, objectKey: string, listed: readonly { versionId: string | null }[]): boolean {
    const versions = this.versionsOf(objectKey);
    // Without versions any id names the one object.
    const goes = (version: FakeVersion): boolean =>
      lies(version, bucket) &&
      (this.versioned
        ? listed.some(({ versionId }) => versionId === version.facts.versionId)
        : listed.length > 0);
    const left = versions.filter((version) => !goes(version));
    if (left.length > 0) this.#versions.set(objectKey, left);
    else this.#versions.delete(objectKey);
    return left.length < versions.length;
  }

  /** What DELETE without a version does in a bucket with versions. */
  addDeleteMarker(objectKey: string, modifiedAt = 0): void {
    const top = this.versionsOf(objectKey)[0];
    if (top === undefined) throw new Error(`there is no ${objectKey}`);
    this.#count += 1;
    const facts = { ...top.facts, size: 0, etag: null, versionId: `version-${this.#count}` };
    this.#add({ ...top, facts, keyMd5: '', bytes: undefined, tags: {}, modifiedAt, isDeleteMarker: true });
  }

  #add(version: FakeVersion): FakeVersion {
    const older = this.versioned ? (this.#versions.get(version.objectKey) ?? []) : [];
    this.#versions.set(version.objectKey, [version, ...older]);
    return version;
  }
}

const lies = (version: FakeVersion, bucket: string | undefined): boolean =>
  bucket === undefined || version.bucket === undefined || version.bucket === bucket;
