import { answerOf, verdict, type Asker, type Said } from '../ask.ts';
import type { BucketFacts } from './bucket.ts';
import { canaryName } from '../canaries.ts';
import { about, type CheckText, type Examination, type Finding } from '../finding.ts';
import { grantOnBucket, grantOnObjects } from './remedies.ts';

const PROOF =
  'Only when S3 lists neither versions nor unfinished uploads of an object is it proven absent, and its key destroyed.';

export const RIGHTS_CHECKS = {
  'right.list': {
    title: 'right to list',
    means:
      'Without s3:ListBucket S3 answers 403 for an object that is not there, and absent cannot be told from forbidden.',
  },
  'right.versions': { title: 'versions', means: PROOF },
  'right.multiparts': { title: 'unfinished uploads', means: PROOF },
  'right.delete': {
    title: 'right to delete',
    means: 'The service removes objects, version by version, before it destroys their keys.',
  },
  'right.abort': {
    title: 'right to abort',
    means:
      'Unfinished multipart uploads are thrown away before an object counts as removed; uploads in parts and re-keys of large objects make some.',
  },
  'right.parts': {
    title: 'right to list parts',
    means:
      '`complete` puts an upload together from the parts that S3 lists, and only when S3 lists none any more is one thrown away.',
  },
  canaries: {
    title: 'canaries',
    means:
      'To see what S3 really does, the doctor makes a few small objects under .sealslot-doctor/ and removes them.',
  },
} as const satisfies Record<string, CheckText>;

const NO_PROOF = ['DELETE: slots stay `deleting`', 'the end of expired slots: their keys are kept for ever'];

/**
 * What the credentials may do, for tenants that upload in parts (`multipart`) or not, asked without making anything. The right to read tags needs an object: the conformance run asks it.
 * Rejects as `Asker.ask` does.
 * @returns whether canaries can be made: they would be taken, and can be removed.
 */
export async function* examineRights(
  asker: Asker,
  facts: BucketFacts,
  { subject, multipart = false }: { subject: string; multipart?: boolean },
): Examination {
  const prefix = canaryName('none');
  yield rightToList(asker, facts, subject);
  const { listed, hasVersions } = await listVersions(asker, prefix);
  yield right(
    subject,
    'right.versions',
    listed,
    listed.status === 200 && names(listed, 'Name', asker.bucket),
    {
      ok: hasVersions ? 'versions can be listed' : 'the server has no versions; objects can be listed',
      remedy: grantOnBucket(asker.bucket, hasVersions ? 's3:ListBucketVersions' : 's3:ListBucket'),
      off: NO_PROOF,
    },
  );
  const uploads = await asker.ask({ method: 'GET', query: { uploads: '', prefix, 'max-uploads': '1' } });
  yield right(
    subject,
    'right.multiparts',
    uploads,
    uploads.status === 200 && names(uploads, 'Bucket', asker.bucket),
    {
      ok: 'unfinished multipart uploads can be listed',
      remedy: grantOnBucket(asker.bucket, 's3:ListBucketMultipartUploads'),
      off: NO_PROOF,
    },
  );
  // Naming a version leaves no delete marker, and `null` names the one of a bucket without versions.
  const query = hasVersions ? { versionId: 'null' } : {};
  const deleted = await asker.ask({ method: 'DELETE', objectKey: canaryName('none'), query });
  const deletable = verdict(deleted) === 'taken' || deleted.status === 404;
  yield right(subject, 'right.delete', deleted, deletable, {
    ok: 'object versions can be deleted',
    remedy: grantOnObjects(asker.bucket, 's3:DeleteObject', 's3:DeleteObjectVersion'),
    off: ['DELETE: slots stay `deleting`', 'the conformance run'],
  });
  yield* rightsToParts(asker, { subject, multipart });
  const why = !deletable
    ? 'they could not be removed'
    : facts.locked
      ? 'Object Lock would keep them'
      : undefined;
  if (why !== undefined) yield about(subject).note('canaries', `none were made, for ${why}`);
  return why === undefined && !facts.sseBlocked;
}

/** One version below a prefix; where the server has no versions, one object. */
export async function listVersions(
  asker: Asker,
  prefix: string,
): Promise<{ readonly listed: Said; readonly hasVersions: boolean }> {
  const versions = await asker.ask({ method: 'GET', query: { versions: '', prefix, 'max-keys': '1' } });
  if (versions.status !== 501 && versions.code !== 'NotImplemented')
    return { listed: versions, hasVersions: true };
  const query = { 'list-type': '2', prefix, 'max-keys': '1' };
  return { listed: await asker.ask({ method: 'GET', query }), hasVersions: false };
}

/** Silent about what is not refused: servers answer differently of an upload that cannot exist. */
async function* rightsToParts(
  asker: Asker,
  { subject, multipart }: { subject: string; multipart: boolean },
): AsyncGenerator<Finding> {
  for (const { check, action, said } of await refusedForParts(asker)) {
    const says = `S3 says ${answerOf(said)}`;
    const remedy = grantOnObjects(asker.bucket, action);
    yield multipart
      ? about(subject).off(check, says, remedy, ['uploads in parts', 'DELETE: slots of such stay `deleting`'])
      : about(subject).note(
          check,
          `${says}: a DELETE or re-key that meets an unfinished multipart upload stops there`,
          remedy,
        );
  }
}

const PARTS_RIGHTS = [
  { check: 'right.abort', action: 's3:AbortMultipartUpload', method: 'DELETE' },
  { check: 'right.parts', action: 's3:ListMultipartUploadParts', method: 'GET' },
] as const;

/** The rights without which nobody can throw a multipart upload away, asked of one that cannot exist. */
export async function refusedForParts(
  asker: Pick<Asker, 'ask'>,
): Promise<readonly { check: keyof typeof RIGHTS_CHECKS; action: string; said: Said }[]> {
  const refused: { check: keyof typeof RIGHTS_CHECKS; action: string; said: Said }[] = [];
  for (const { check, action, method } of PARTS_RIGHTS) {
    const query = { uploadId: 'none' };
    const said = await asker.ask({ method, objectKey: canaryName('none'), query });
    if (said.status === 403) refused.push({ check, action, said });
  }
  return refused;
}

function rightToList({ bucket }: Asker, { absent, listing }: BucketFacts, subject: string): Finding {
  const remedy = grantOnBucket(bucket, 's3:ListBucket');
  if (absent.status === 404 && listing.status === 403) {
    const found = `not granted; this S3 tells absent objects from forbidden ones all the same, others would not`;
    return about(subject).note('right.list', found, remedy);
  }
  return right(subject, 'right.list', absent, absent.status === 404, {
    ok: 'an absent object is told from a forbidden one',
    remedy,
    off: ['complete: 503 in place of 409 while the object is absent'],
  });
}

function right(
  subject: string,
  check: keyof typeof RIGHTS_CHECKS,
  said: Said,
  granted: boolean,
  words: { ok: string; remedy: string; off: readonly string[] },
): Finding {
  if (granted) return about(subject).ok(check, words.ok);
  return about(subject).off(check, `S3 says ${answerOf(said)}`, words.remedy, words.off);
}

/** The service believes only a listing that names its bucket, and so does the doctor. */
function names(said: Said, tag: string, bucket: string): boolean {
  return said.body.includes(`<${tag}>${bucket}</${tag}>`);
}
