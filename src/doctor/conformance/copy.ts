import { encodeRfc3986 } from '../../s3/object-url.ts';
import { answerOf, verdict, type Said } from '../ask.ts';
import { grantOnObjects } from '../bucket/remedies.ts';
import type { Finding } from '../finding.ts';
import { BODY, type Trial } from './trial.ts';

/** Re-keying in place: a copy of exactly the verified version, from its old key to a new one. Changes the first canary, so it comes last. */
export async function* copyInPlace(trial: Trial): AsyncGenerator<Finding> {
  const { asker, key, otherKey, objectKey, say, versionId } = trial;
  const path = [asker.bucket, ...objectKey.split('/')].map(encodeRfc3986).join('/');
  // Without the version, a versioned MinIO writes garbage.
  const source = versionId === undefined ? path : `${path}?versionId=${encodeRfc3986(versionId)}`;
  const oldKey: Record<string, string> = {};
  for (const [name, value] of Object.entries<string>({ ...key.headers() }))
    oldKey[name.replace('x-amz-', 'x-amz-copy-source-')] = value;
  const headers = {
    'x-amz-copy-source': source,
    ...oldKey,
    ...otherKey.headers(),
    // As a re-key does it; a copy in place that replaces nothing is refused by some servers.
    'content-type': 'text/plain',
    'x-amz-metadata-directive': 'REPLACE',
    'x-amz-tagging-directive': 'REPLACE',
  };
  const said = await trial.put(objectKey, { upload: false, headers, body: new Uint8Array() });
  if (verdict(said) === 'unclear') {
    yield trial.unclear('copy', said);
    return;
  }
  // A copy can fail after its 200 was sent.
  if (verdict(said) !== 'taken' || said.code !== '') {
    yield notCopied(trial, said);
    return;
  }
  const copied = await trial.ask({ method: 'GET', objectKey, headers: { ...otherKey.headers() } });
  if (verdict(copied) === 'unclear') {
    yield trial.unclear('copy', copied);
    return;
  }
  yield copied.status === 200 && copied.body === BODY.toString()
    ? say.ok(
        'copy',
        'an object can be re-keyed by copying it in place; above 5 GB by parts, or through the service where S3 copies none',
      )
    : say.unsafe(
        'copy',
        'S3 says that it copied the object to another key, but under that key it is not the same',
        'use an S3 whose CopyObject works under SSE-C; re-keying would lose objects on this one',
      );
}

/** As a re-key takes it: only a server that has no such call is helped by streaming. */
function notCopied({ say, asker }: Trial, said: Said): Finding {
  const found = `S3 does not copy in place under SSE-C (${answerOf(said)})`;
  if (said.status === 501 || said.code === 'NotImplemented')
    return say.note('copy', `${found}: re-keying streams through the service`);
  const remedy =
    said.status === 403
      ? grantOnObjects(asker.bucket, 's3:GetObject', 's3:GetObjectVersion', 's3:PutObject')
      : 'see in the log of S3 why';
  return say.off('copy', found, remedy, ['re-keying']);
}
