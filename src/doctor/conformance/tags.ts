import { answerOf, element, verdict } from '../ask.ts';
import type { Finding } from '../finding.ts';
import { grantOnObjects } from '../bucket/remedies.ts';
import { refusalOf } from '../refusal-of.ts';
import type { Trial } from './trial.ts';

const TAG = { name: 'sealslot', value: 'canary' };
const RENEWED = { sealslot: 'renewed' };
const NOTICING = 'noticing tags that a client added unasked';
const COPIES = ['recovery copies', 'sealslot recover'];
const ANOTHER = 'use an S3 with object tags, or take custody.recovery out of the configuration';

/**
 * HEAD counts tags only for those who may read them; the service looks for tags that nobody announced.
 * @param tagged uploads carry recovery copies in tags: else they are only advice.
 */
export async function* tags(trial: Trial, tagged: boolean): AsyncGenerator<Finding> {
  const { say, asker, versionId } = trial;
  const { bucket } = asker;
  const readable = await trial.ask({ method: 'GET', objectKey: trial.objectKey, query: { tagging: '' } });
  if (readable.status === 403) {
    const found = `reading tags is answered ${answerOf(readable)}`;
    const actions = tagged ? forVersions('s3:GetObjectTagging', versionId) : ['s3:GetObjectTagging'];
    const off = tagged ? [NOTICING, ...COPIES] : [NOTICING];
    yield say.off('right.tags', found, grantOnObjects(bucket, ...actions), off);
    return;
  }
  if (verdict(readable) === 'unclear') {
    yield trial.unclear('right.tags', readable);
    return;
  }
  if (readable.status !== 200) {
    const found = `the server has no tags: it says ${answerOf(readable)}`;
    yield tagged
      ? say.off('right.tags', found, ANOTHER, ['all uploads', ...COPIES])
      : say.note('right.tags', found);
    return;
  }
  yield say.ok('right.tags', 'tags can be read');
  yield* signedTag(trial, tagged);
}

async function* signedTag(trial: Trial, tagged: boolean): AsyncGenerator<Finding> {
  const { say, asker } = trial;
  const { bucket } = asker;
  const objectKey = trial.name('tagged');
  const headers = { ...trial.headers(), 'x-amz-tagging': `${TAG.name}=${TAG.value}` };
  const put = await trial.put(objectKey, { headers });
  if (verdict(put) !== 'taken') {
    const found = `an upload with a signed tag is answered ${answerOf(put)}`;
    const grant = grantOnObjects(bucket, 's3:PutObjectTagging');
    const denied = put.status === 403;
    yield tagged
      ? say.off('tags', found, denied ? grant : ANOTHER, ['all uploads', ...COPIES])
      : say.note('tags', found, denied ? `if you mean to sign tags, ${grant}` : undefined);
    return;
  }
  const { body } = await trial.ask({ method: 'GET', objectKey, query: { tagging: '' } });
  const stored = element(body, 'Key') === TAG.name && element(body, 'Value') === TAG.value;
  const found = 'a signed tag is taken, but not stored';
  if (stored) yield say.ok('tags', 'a signed tag is stored');
  else if (tagged)
    yield say.off('tags', found, ANOTHER, ['complete: 422 mismatch for every upload', ...COPIES]);
  else yield say.note('tags', found);
  if (stored && tagged) yield await renewed(trial, objectKey, put.headers['x-amz-version-id']);
}

/** By the service's own calls, on exactly one version, as a rewrap does it. */
async function renewed(trial: Trial, objectKey: string, versionId: string | undefined): Promise<Finding> {
  const { say, asker } = trial;
  const { bucket, target } = asker;
  const off = ['the copies of keys that are rewrapped', ...COPIES];
  const object = { bucket, objectKey, versionId: versionId ?? null };
  try {
    const isThere = await target.tags.put(object, RENEWED);
    const after = await target.tags.get(object);
    if (isThere && after?.['sealslot'] === RENEWED.sealslot && Object.keys(after).length === 1)
      return say.ok('right.tagging', 'the tags of a version can be written anew, and read');
    return say.off('right.tagging', 'new tags are taken, but not shown', ANOTHER, off);
  } catch (error) {
    const actions = ['s3:PutObjectTagging', 's3:GetObjectTagging'].flatMap((action) =>
      forVersions(action, versionId),
    );
    const found = `writing the tags of a version, or reading them, is answered ${refusalOf(error)}`;
    return say.off('right.tagging', found, grantOnObjects(bucket, ...actions), off);
  }
}

/** S3 asks for another right where a version is named. */
function forVersions(action: string, versionId: string | undefined): string[] {
  return versionId === undefined ? [action] : [action, action.replace('Object', 'ObjectVersion')];
}
