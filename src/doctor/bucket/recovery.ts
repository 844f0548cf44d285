import { createHash } from 'node:crypto';
import { answerOf, verdict, type Asker, type Said } from '../ask.ts';
import { canaryName, type Canaries } from '../canaries.ts';
import { about, type CheckText, type Finding } from '../finding.ts';
import { unexamined } from '../unexamined.ts';
import { whyNotReached } from './refusal.ts';
import { grantOnBucket, grantOnObjects } from './remedies.ts';
import { listVersions } from './rights.ts';

export const RECOVERY_CHECKS = {
  'recovery.bucket': {
    title: 'recovery bucket',
    means:
      'Copies of wrapped intermediate keys go there before anything is wrapped under them: with `custody.hierarchy` no slot is made without it. `sealslot recover` reads it.',
  },
  'recovery.list': {
    title: 'listing of copies',
    means: '`sealslot recover` finds the copies by listing the recovery bucket.',
  },
  'recovery.public': {
    title: 'anybody, copies',
    means:
      'Nobody reads the copies without credentials: with the KEK, whoever has them has what a copy of the store would give.',
  },
  'recovery.delete': {
    title: 'removal of copies',
    means:
      'Only `sealslot shred-period` removes copies. Without the right to, whoever has the S3 credentials of the service cannot remove them either.',
  },
} as const satisfies Record<string, CheckText>;

const BODY = Buffer.from('{"canary":"sealslot-doctor"}\n');
const HEADERS = {
  'content-type': 'application/json',
  'x-amz-checksum-sha256': createHash('sha256').update(BODY).digest('base64'),
};
/** Object keys of copies begin so; see `intermediateCopy`. */
const COPIES = 'intermediate/';

export interface RecoveryRun {
  readonly subject: string;
  readonly region: string;
  readonly target: string;
  /** Intermediate keys are made, so that new slots need the bucket. */
  readonly isNeeded: boolean;
}

/** Does with a canary what the service does with copies. Rejects as `Asker.ask` does. The caller removes the canaries. */
export async function* examineRecoveryBucket(
  asker: Asker,
  canaries: Canaries,
  run: RecoveryRun,
): AsyncGenerator<Finding> {
  const say = about(run.subject);
  const off = [...(run.isNeeded ? ['new slots'] : []), 'sealslot recover'];
  const query = { 'list-type': '2', prefix: canaryName('none'), 'max-keys': '1' };
  const setting = '`custody.recovery.bucket`';
  const refusal = whyNotReached(await asker.ask({ method: 'GET', query }), asker, { ...run, setting });
  if (refusal !== undefined) {
    yield { ...refusal, check: 'recovery.bucket', off };
    return;
  }
  const removal = await removeNone(asker, canaryName('none'));
  if (verdict(removal) !== 'taken' && removal.status !== 404) {
    const where = `${asker.bucket}/.sealslot-doctor`;
    yield say.note(
      'recovery.bucket',
      `not examined: no canary was made, for removing it would be answered ${answerOf(removal)}`,
      grantOnObjects(where, 's3:DeleteObject', 's3:DeleteObjectVersion'),
    );
    return;
  }
  const objectKey = canaries.name('recovery');
  const trial = { asker, canaries, objectKey, subject: run.subject, off };
  const failure = (await notPut(trial)) ?? (await notRead(trial));
  if (failure !== undefined) {
    yield failure;
    return;
  }
  yield say.ok('recovery.bucket', 'a small object is taken, and given back the same');
  yield await listing(trial);
  yield await publicReading(trial);
  yield await removing(trial);
}

interface RecoveryTrial {
  readonly asker: Asker;
  readonly canaries: Canaries;
  readonly objectKey: string;
  readonly subject: string;
  readonly off: readonly string[];
}

async function notPut({
  asker,
  canaries,
  objectKey,
  subject,
  off,
}: RecoveryTrial): Promise<Finding | undefined> {
  const question = { method: 'PUT', objectKey, headers: HEADERS, body: BODY } as const;
  const said = await asker.patiently(() => canaries.put(objectKey, () => asker.askOnce(question)));
  switch (verdict(said)) {
    case 'taken':
      return undefined;
    case 'unclear':
      return unexamined(subject, 'recovery.bucket', said);
    case 'refused': {
      const grant = `${grantOnObjects(asker.bucket, 's3:PutObject')}; no policy of it may demand SSE-C`;
      const remedy = said.status === 403 ? grant : 'see in the log of S3 why';
      const found = `a small object is answered ${answerOf(said)}`;
      return about(subject).off('recovery.bucket', found, remedy, off);
    }
  }
}

async function notRead({ asker, objectKey, subject, off }: RecoveryTrial): Promise<Finding | undefined> {
  const said = await asker.ask({ method: 'GET', objectKey });
  const say = about(subject);
  if (said.status === 200 && said.body === BODY.toString()) return undefined;
  if (verdict(said) === 'unclear') return unexamined(subject, 'recovery.bucket', said);
  if (said.status === 200) {
    const remedy = 'use an S3 that gives back what it was given, and turn off what changes bodies on the way';
    return say.off('recovery.bucket', 'a small object comes back as other bytes', remedy, off);
  }
  const remedy =
    said.status === 403 ? grantOnObjects(asker.bucket, 's3:GetObject') : 'see in the log of S3 why';
  return say.off('recovery.bucket', `reading a small object is answered ${answerOf(said)}`, remedy, [
    'sealslot recover',
    'sealslot audit',
  ]);
}

async function listing({ asker, objectKey, subject }: RecoveryTrial): Promise<Finding> {
  const { listed, hasVersions } = await listVersions(asker, objectKey);
  const isListed = listed.status === 200 && listed.body.includes(`<Key>${objectKey}</Key>`);
  if (isListed) return about(subject).ok('recovery.list', 'it is listed');
  if (verdict(listed) === 'unclear') return unexamined(subject, 'recovery.list', listed);
  const found =
    listed.status === 200 ? 'a small object is not listed' : `listing is answered ${answerOf(listed)}`;
  const remedy =
    listed.status === 403
      ? grantOnBucket(asker.bucket, hasVersions ? 's3:ListBucketVersions and s3:ListBucket' : 's3:ListBucket')
      : 'use an S3 that lists what it was given';
  return about(subject).off('recovery.list', found, remedy, ['sealslot recover', 'sealslot shred-period']);
}

async function publicReading({ asker, objectKey, subject }: RecoveryTrial): Promise<Finding> {
  const said = await asker.ask({ method: 'GET', objectKey, unsigned: true });
  switch (verdict(said)) {
    case 'taken':
      return about(subject).unsafe(
        'recovery.public',
        'anybody may read the copies of wrapped keys, without any credentials',
        `take s3:GetObject away from everybody ("Principal": "*" in the bucket policy, AllUsers in its ACL):\n` +
          asker.s3api('get-bucket-policy'),
      );
    case 'refused':
      return about(subject).ok('recovery.public', `refused without a signature: ${answerOf(said)}`);
    case 'unclear':
      return unexamined(subject, 'recovery.public', said);
  }
}

/** Removing is proven by listing, unfinished uploads too. To be without these rights is a choice. */
async function removing({ asker, subject }: RecoveryTrial): Promise<Finding> {
  const name = `${COPIES}${canaryName('none')}`;
  const removal = await removeNone(asker, name);
  const query = { uploads: '', prefix: name, 'max-uploads': '1' };
  const uploads = await asker.ask({ method: 'GET', query });
  const refused = [removal, uploads].find(({ status }) => status === 403);
  if (refused === undefined) return about(subject).ok('recovery.delete', 'copies can be removed');
  return about(subject).note(
    'recovery.delete',
    `S3 says ${answerOf(refused)}: sealslot shred-period cannot remove copies`,
    `for that, ${grantOnObjects(`${asker.bucket}/intermediate`, 's3:DeleteObject', 's3:DeleteObjectVersion')}, and ` +
      grantOnBucket(asker.bucket, 's3:ListBucketMultipartUploads'),
  );
}

/** Of a version that cannot exist: nothing is removed, and no delete marker made. */
function removeNone(asker: Asker, objectKey: string): Promise<Said> {
  return asker.ask({ method: 'DELETE', objectKey, query: { versionId: 'null' } });
}
