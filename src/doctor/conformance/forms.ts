import type { HeadResult, PresignedForm } from '../../s3/port.ts';
import { postRequest } from '../../uploads/post-request.ts';
import { UNANNOUNCED, UNTOUCHED, type Upload } from '../../uploads/upload.ts';
import { compare } from '../../uploads/verify.ts';
import { answerOf, verdict, type Said } from '../ask.ts';
import { grantOnObjects } from '../bucket/remedies.ts';
import type { Examination, Finding } from '../finding.ts';
import { BODY, CANARY, type Trial } from './trial.ts';

const OFF = ['uploads by form'];
const WITHOUT_FORMS = 'take POST out of `tenants.*.methods`';
const LONGER_BODY = Buffer.concat([BODY, Buffer.from('\n')]);
const SECONDS = 60;
/** Such as a recovery copy is made of. */
const TAGS = { 'sealslot-place': 'canary' };

/** Forms as the service issues them. Unlike a PUT's headers S3 need not refuse what was added to them. */
export async function* forms(trial: Trial, tagged: boolean): AsyncGenerator<Finding> {
  if (!(yield* rightForm(trial, tagged))) return;
  yield await signedFields(trial);
  yield await fanOut(trial);
}

async function* rightForm(trial: Trial, tagged: boolean): Examination {
  const { asker, key, say } = trial;
  const objectKey = trial.name('form');
  const said = await trial.post(await formFor(trial, objectKey, tagged ? TAGS : {}), BODY, [objectKey]);
  if (verdict(said) === 'unclear') {
    yield trial.unclear('form', said);
    return false;
  }
  if (verdict(said) === 'refused') {
    const found = `the right form${tagged ? ', with the tags of a recovery copy,' : ''} is answered ${answerOf(said)}`;
    const grant = tagged && said.status === 403;
    const remedy = grant
      ? `${grantOnObjects(asker.bucket, 's3:PutObjectTagging')}; where it is, ${WITHOUT_FORMS}`
      : WITHOUT_FORMS;
    yield say.off('form', found, remedy, OFF);
    return false;
  }
  const { objects } = asker.target;
  const withKey = await objects.head(asker.bucket, objectKey, key);
  const head = withKey.kind === 'found' ? withKey : await objects.head(asker.bucket, objectKey, undefined);
  if (head.kind !== 'found') {
    yield say.off('form', 'HEAD does not show what the right form made', WITHOUT_FORMS, OFF);
    return true;
  }
  const announced = { ...CANARY, size: BODY.length };
  const differing = compare(announced, key, head.object, head.object.tagCount).map(({ field }) => field);
  if (differing.some((field) => field.startsWith('encryption'))) {
    yield say.unsafe(
      'form',
      'S3 took the form, but does not say that its file is under SSE-C with this key: it may have stored plain text',
      `use an S3 whose forms support SSE-C, or ${WITHOUT_FORMS}`,
    );
    return false;
  }
  if (said.status !== 201 || differing.length > 0) {
    const what =
      differing.length > 0 ? `with another ${differing.join(', ')}` : `with ${said.status}, not 201`;
    yield say.off('form', `S3 took the right form ${what}`, WITHOUT_FORMS, OFF);
    return true;
  }
  yield say.ok('form', 'the right form is taken, and its file is under the key');
  return true;
}

/** Forms that differ from what was signed, in values that S3 could take. */
async function signedFields(trial: Trial): Promise<Finding> {
  const [own, elsewhere] = [trial.name('form-not-as-signed'), trial.name('form-elsewhere')];
  const form = await formFor(trial, own);
  const attempts: readonly (readonly [string, Readonly<Record<string, string>>, Uint8Array<ArrayBuffer>])[] =
    [
      ['Content-Type', { 'Content-Type': 'text/html' }, BODY],
      ['the customer key', { ...trial.otherKey.headers() }, BODY],
      ['the object key', { key: elsewhere }, BODY],
      ['the size', {}, LONGER_BODY],
    ];
  const passed: string[] = [];
  let unclear: Said | undefined;
  for (const [what, fields, file] of attempts) {
    const changed = { ...form, fields: { ...form.fields, ...fields } };
    const said = await trial.post(changed, file, [own, elsewhere]);
    if (verdict(said) === 'taken') passed.push(what);
    if (verdict(said) === 'unclear') unclear = said;
  }
  if (passed.length > 0) {
    return trial.say.unsafe(
      'form.signature',
      `S3 took forms that differ from what was signed in: ${passed.join(', ')}`,
      `use an S3 that checks a form's policy, or ${WITHOUT_FORMS}`,
    );
  }
  if (unclear !== undefined) return trial.unclear('form.signature', unclear);
  return trial.say.ok(
    'form.signature',
    'another type, another customer key, another object key, a longer file: all refused',
  );
}

async function fanOut(trial: Trial): Promise<Finding> {
  const { asker, key } = trial;
  const [own, elsewhere] = [trial.name('form-fan-out'), trial.name('form-fanned-out')];
  const form = await formFor(trial, own);
  const fields = { ...form.fields, 'x-minio-fanout-list': JSON.stringify({ key: elsewhere }) };
  const said = await trial.post({ ...form, fields }, BODY, [own, elsewhere]);
  const check = 'form.fanout';
  if (verdict(said) === 'unclear') return trial.unclear(check, said);
  if (verdict(said) === 'refused')
    return trial.say.ok(check, `a form that names further object keys is refused: ${answerOf(said)}`);
  const { objects } = asker.target;
  const there = await objects.head(asker.bucket, elsewhere, key);
  const here = await objects.head(asker.bucket, own, key);
  // 403 of what is not there: the right to list is missing, which is told of elsewhere.
  if (here.kind === 'found' && (there.kind === 'absent' || isForbidden(there)))
    return trial.say.ok(check, 'the field by which MinIO writes to other object keys does nothing');
  return trial.say.unsafe(
    check,
    'by an added field, S3 wrote the file of a form to another object key: who has a form can replace every object of the bucket',
    `deny s3:PutObjectFanOut on arn:aws:s3:::${asker.bucket}/* to what signs uploads (\`uploadCredentials\` of the target, or else its \`credentials\`), or ${WITHOUT_FORMS}`,
  );
}

function isForbidden(head: HeadResult): boolean {
  return head.kind === 'unknown' && head.status === 403;
}

async function formFor(
  { asker, key }: Trial,
  objectKey: string,
  tags: Readonly<Record<string, string>> = {},
): Promise<PresignedForm> {
  const now = asker.now();
  const window = await asker.target.uploadPresigner.open(SECONDS, now);
  return postRequest(window, slotOf(asker.bucket, objectKey, now), key, tags);
}

/** As if a tenant had asked for it; it is stored nowhere. */
function slotOf(bucket: string, objectKey: string, now: number): Upload {
  const endsAt = now + SECONDS * 1000;
  return {
    ...UNANNOUNCED,
    ...UNTOUCHED,
    ...CANARY,
    ...{ id: 'canary', tenant: 'canary', principal: 'doctor', target: 'canary', filename: null },
    ...{ state: 'issued', method: 'POST', bucket, objectKey, size: BODY.length },
    ...{ createdAt: now, expiresInSeconds: SECONDS, expiresAt: endsAt, urlEndsAt: endsAt, nextCheckAt: null },
  };
}
