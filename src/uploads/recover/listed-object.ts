import type { Buckets, ListedVersion } from '../../s3/port.ts';

/** More versions of one object than any re-keying makes; what is older is not looked at, so that no object fills the memory. */
const MOST_VERSIONS = 1_000;

/** An object with its versions, the newest first, without delete markers. */
export interface ListedObject {
  readonly bucket: string;
  readonly objectKey: string;
  readonly versions: readonly ListedVersion[];
  /** A plain GET says 404: somebody has deleted the object without naming a version. */
  readonly isBehindMarker: boolean;
  /** How many older versions were left out. */
  readonly omitted: number;
}

/** All objects of a bucket, one in memory at a time. */
export async function* objectsIn(buckets: Buckets, bucket: string): AsyncGenerator<ListedObject, void> {
  let open:
    { objectKey: string; versions: ListedVersion[]; isBehindMarker: boolean; omitted: number } | undefined;
  for await (const version of buckets.versions(bucket)) {
    if (open?.objectKey !== version.objectKey) {
      if (open && open.versions.length > 0) yield { bucket, ...open };
      open = { objectKey: version.objectKey, versions: [], isBehindMarker: false, omitted: 0 };
    }
    if (version.isDeleteMarker) open.isBehindMarker ||= version.isLatest;
    else if (open.versions.length < MOST_VERSIONS) open.versions.push(version);
    else open.omitted += 1;
  }
  if (open && open.versions.length > 0) yield { bucket, ...open };
}
