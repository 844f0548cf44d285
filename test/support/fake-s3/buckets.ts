import { DependencyUnavailable } from '../../../src/errors.ts';
import type { Buckets, CorsRule, ListedVersion } from '../../../src/s3/port.ts';
import type { FakeObjectStore } from '../fake-s3.ts';

/** Small objects are listed in the bucket they were put into; they have no versions. */
export function fakeBuckets(s3: FakeObjectStore): Buckets {
  const cors = new Map<string, readonly CorsRule[]>();
  return {
    corsRules: async (bucket) => cors.get(bucket) ?? [],
    putCorsRules: async (bucket, rules) => void cors.set(bucket, rules),
    async *versions(bucket, prefix = '') {
      const listed = await s3.called('versions', { bucket, objectKey: prefix }, () => {
        if (s3.listingFails) throw new DependencyUnavailable('s3', undefined);
        return [...objects(s3, bucket), ...smallObjects(s3, bucket)];
      });
      yield* listed
        .filter(({ objectKey }) => objectKey.startsWith(prefix))
        .toSorted((a, b) => (a.objectKey < b.objectKey ? -1 : Number(a.objectKey > b.objectKey)));
    },
    putSmall: (bucket, objectKey, bytes) =>
      s3.called('putSmall', { bucket, objectKey }, () => {
        s3.small.set(`${bucket}/${objectKey}`, Uint8Array.from(bytes));
      }),
    getSmall: (bucket, objectKey) =>
      s3.called('getSmall', { bucket, objectKey }, () => s3.small.get(`${bucket}/${objectKey}`)),
  };
}

function objects(s3: FakeObjectStore, bucket: string): ListedVersion[] {
  const seen = new Set<string>();
  return s3.shelf
    .all()
    .filter((version) => version.bucket === undefined || version.bucket === bucket)
    .map(({ objectKey, facts, isDeleteMarker, modifiedAt }) => {
      const isLatest = !seen.has(objectKey);
      seen.add(objectKey);
      const versionId = s3.versioned ? (facts.versionId ?? 'null') : null;
      return { objectKey, versionId, isLatest, isDeleteMarker, size: facts.size, modifiedAt };
    });
}

function smallObjects(s3: FakeObjectStore, bucket: string): ListedVersion[] {
  return [...s3.small].flatMap(([place, bytes]) => {
    if (!place.startsWith(`${bucket}/`)) return [];
    return {
      objectKey: place.slice(bucket.length + 1),
      versionId: null,
      isLatest: true,
      isDeleteMarker: false,
      size: bytes.length,
      modifiedAt: 0,
    };
  });
}
