import { answerOf, verdict, type Said } from '../ask.ts';
import type { Finding } from '../finding.ts';
import { grantOnObjects } from '../bucket/remedies.ts';
import { BODY, type Trial } from './trial.ts';

/** Reading without the key, and with another one. */
export async function* keyNeeded(trial: Trial): AsyncGenerator<Finding> {
  const keys = [['no key', {}] as const, ['another key', { ...trial.otherKey.headers() }] as const];
  const passed: string[] = [];
  let unclear: Said | undefined;
  for (const [what, headers] of keys) {
    for (const method of ['GET', 'HEAD'] as const) {
      const said = await trial.get(method, headers);
      const answer = verdict(said);
      if (answer === 'taken') passed.push(`${method} with ${what}`);
      if (answer === 'unclear') unclear = said;
    }
  }
  if (passed.length > 0) {
    yield trial.say.unsafe(
      'key.needed',
      `S3 answers ${passed.join(', ')}: the key does not protect the object`,
      'use an S3 that demands the key for every reading',
    );
  } else if (unclear !== undefined) {
    yield trial.unclear('key.needed', unclear);
  } else {
    yield trial.say.ok(
      'key.needed',
      `refused: GET and HEAD with ${keys.map(([what]) => what).join(', or with ')}`,
    );
  }
}

const RANGE = { from: 2, to: 9 };

/** What `download` hands out. Brief: only the whole object. */
export async function* reading(trial: Trial, brief: boolean): AsyncGenerator<Finding> {
  const { say, asker } = trial;
  const key = { ...trial.key.headers() };
  const whole = await trial.get('GET', key);
  if (whole.status === 403) {
    const actions =
      trial.versionId === undefined ? ['s3:GetObject'] : ['s3:GetObject', 's3:GetObjectVersion'];
    const remedy = grantOnObjects(asker.bucket, ...actions);
    yield say.off('right.get', `GET with the key is answered ${answerOf(whole)}`, remedy, ['downloads']);
    return;
  }
  if (verdict(whole) === 'unclear') {
    yield trial.unclear('read', whole);
    return;
  }
  if (whole.status !== 200) {
    const remedy = 'use an S3 that answers GET under SSE-C';
    yield say.off('read', `GET with the key is answered ${answerOf(whole)}`, remedy, ['downloads']);
    return;
  }
  if (whole.body !== BODY.toString()) {
    const remedy = 'use an S3 that gives back what it was given, and turn off what changes bodies on the way';
    yield say.unsafe('read', 'GET with the key brings other bytes than were uploaded', remedy);
    return;
  }
  if (brief) {
    yield say.ok('read', 'GET with the key brings the same bytes');
    return;
  }
  const part = await trial.get('GET', { ...key, range: `bytes=${RANGE.from}-${RANGE.to}` });
  const isPart = part.status === 206 && part.body === BODY.subarray(RANGE.from, RANGE.to + 1).toString();
  yield isPart
    ? say.ok('read', 'GET with the key brings the same bytes, whole and by range')
    : say.off('read', `GET with a range is answered ${answerOf(part)}`, 'use an S3 that honours Range', [
        'downloads by range',
      ]);
}
