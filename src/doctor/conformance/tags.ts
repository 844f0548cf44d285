import { answerOf, element, verdict } from '../ask.ts';
import type { Finding } from '../finding.ts';
import { grantOnObjects } from '../bucket/remedies.ts';
import type { Trial } from './trial.ts';

const TAG = { name: 'sealslot', value: 'canary' };

/** HEAD counts tags only for those who may read them; the service looks for tags that nobody announced. */
export async function* tags(trial: Trial): AsyncGenerator<Finding> {
  const { say, asker } = trial;
  const { bucket } = asker;
  const readable = await trial.ask({
    method: 'GET',
    objectKey: trial.objectKey,
    query: { tagging: '' },
  });
  if (readable.status === 403) {
    const found = `reading tags is answered ${answerOf(readable)}`;
    yield say.off('right.tags', found, grantOnObjects(bucket, 's3:GetObjectTagging'), [
      'noticing tags that a client added unasked',
    ]);
    return;
  }
  if (verdict(readable) === 'unclear') {
    yield trial.unclear('right.tags', readable);
    return;
  }
  if (readable.status !== 200) {
    yield say.note('right.tags', `the server has no tags: it says ${answerOf(readable)}`);
    return;
  }
  yield say.ok('right.tags', 'tags can be read');

  const objectKey = trial.name('tagged');
  const headers = { ...trial.headers(), 'x-amz-tagging': `${TAG.name}=${TAG.value}` };
  const put = await trial.put(objectKey, { headers });
  if (verdict(put) !== 'taken') {
    const remedy =
      put.status === 403
        ? `if you mean to sign tags, ${grantOnObjects(bucket, 's3:PutObjectTagging')}`
        : undefined;
    yield say.note('tags', `an upload with a signed tag is answered ${answerOf(put)}`, remedy);
    return;
  }
  const { body } = await trial.ask({ method: 'GET', objectKey, query: { tagging: '' } });
  const stored = element(body, 'Key') === TAG.name && element(body, 'Value') === TAG.value;
  yield stored
    ? say.ok('tags', 'a signed tag is stored')
    : say.note('tags', 'a signed tag is taken, but not stored');
}
