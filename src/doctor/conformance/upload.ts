import type { HeadResult } from '../../s3/port.ts';
import { compare } from '../../uploads/verify.ts';
import { answerOf, verdict, type Said } from '../ask.ts';
import type { Examination, Finding } from '../finding.ts';
import { grantOnObjects, unblockSse } from '../bucket/remedies.ts';
import { BODY, CANARY, type Trial } from './trial.ts';

const UPLOADS = ['all uploads'];
const LOOK_INTO_LOG = 'look into the log of the S3 server, and whether its disk is full';
const OTHER_BODY = Buffer.from('Another canary.\n');

/** The right PUT, and what S3 then says of the object when `complete` asks. */
export async function* rightUpload(trial: Trial): Examination {
  const said = await trial.put(trial.objectKey);
  if (verdict(said) !== 'taken') {
    yield await whyRefused(trial, said);
    return false;
  }
  trial.versionId = said.headers['x-amz-version-id'];
  const { asker, key, objectKey, say } = trial;
  const { bucket } = asker;
  const { objects } = asker.target;
  const withKey = await objects.head(bucket, objectKey, key);
  // As `complete` does: a server that stored plain text may refuse a HEAD with a key.
  const head = withKey.kind === 'found' ? withKey : await objects.head(bucket, objectKey, undefined);
  if (head.kind !== 'found') {
    yield whyUnread(trial, withKey, head);
    return false;
  }
  const mismatches = compare({ ...CANARY, size: BODY.length }, key, head.object);
  if (mismatches.some(({ field }) => field.startsWith('encryption'))) {
    yield say.unsafe(
      'sse.named',
      'S3 took the upload, but does not say that it is under SSE-C with this key: it may have stored plain text',
      'use an S3 that supports SSE-C, and turn off what strips these headers on the way to it',
    );
    return false;
  }
  yield say.ok('sse.named', 'the right upload is taken, and S3 names SSE-C and the key');
  if (mismatches.length > 0) {
    yield say.off(
      'complete',
      `S3 says of the right upload another ${mismatches.map(({ field }) => field).join(', ')}`,
      'use an S3 that keeps them, and turn off what changes them on the way',
      ['complete: 422 mismatch for every upload'],
    );
  }
  return true;
}

function whyUnread({ say, asker }: Trial, withKey: HeadResult, withoutKey: HeadResult): Finding {
  const [status, otherStatus] = [statusOf(withKey), statusOf(withoutKey)];
  const found = `HEAD with the key is answered ${status} right after the PUT`;
  if (status === 403 && otherStatus === 403) {
    const remedy = grantOnObjects(asker.bucket, 's3:GetObject');
    return say.off('right.get', found, remedy, ['complete', 'downloads']);
  }
  return say.off('complete', found, 'use an S3 that answers HEAD under SSE-C', ['complete']);
}

function statusOf(head: HeadResult): number {
  return head.kind === 'absent' ? 404 : head.kind === 'unknown' ? head.status : 200;
}

/** Is it SSE-C that S3 does not want, or any PUT? */
async function whyRefused(trial: Trial, said: Said): Promise<Finding> {
  const { say, asker } = trial;
  const answer = `the right upload is answered ${answerOf(said)}`;
  if (verdict(said) === 'unclear') return say.off('put', answer, LOOK_INTO_LOG, UPLOADS);
  const withoutSse = Object.entries(trial.headers()).filter(([name]) => !name.includes('-customer-'));
  const plain = await trial.put(trial.name('without-sse-c'), { headers: Object.fromEntries(withoutSse) });
  if (verdict(plain) === 'taken' && said.status === 403) {
    return say.off('sse.blocked', `${answer}, and taken without SSE-C`, unblockSse(asker), UPLOADS);
  }
  if (verdict(plain) === 'taken') {
    const remedy = 'use an S3 that supports SSE-C (MinIO needs TLS of its own for it)';
    return say.off('put', `${answer}, and taken without SSE-C`, remedy, UPLOADS);
  }
  if (said.status === 403) {
    const remedy = grantOnObjects(asker.bucket, 's3:PutObject');
    return say.off('right.put', answer, remedy, UPLOADS);
  }
  return say.off('put', answer, LOOK_INTO_LOG, UPLOADS);
}

export async function* secondUpload(trial: Trial): AsyncGenerator<Finding> {
  const said = await trial.put(trial.objectKey, { body: OTHER_BODY });
  const answer = verdict(said);
  if (answer === 'unclear') yield trial.unclear('overwrite', said);
  else if (answer === 'refused')
    yield trial.say.ok('overwrite', `a second PUT is refused: ${answerOf(said)}`);
  else
    yield trial.say.unsafe(
      'overwrite',
      'a second PUT to the same URL was taken: until it expires, its holder can replace the object after `complete`',
      'use an S3 that honours `If-None-Match: *` at PUT',
    );
}

/** Half a day old, for a clock that is an hour off must not hide it. */
const PAST_MS = 12 * 3_600_000;

export async function* expiredUrl(trial: Trial): AsyncGenerator<Finding> {
  const said = await trial.put(trial.name('expired'), { signedAt: trial.asker.now() - PAST_MS });
  const answer = verdict(said);
  if (answer === 'unclear') yield trial.unclear('expiry', said);
  else if (answer === 'refused') yield trial.say.ok('expiry', 'a URL that has expired is refused');
  else
    yield trial.say.unsafe(
      'expiry',
      'a PUT by a URL that expired hours ago was taken: it could land after its key was destroyed',
      'use an S3 that heeds X-Amz-Expires',
    );
}
