import { DependencyUnavailable } from '../../errors.ts';
import type { MultipartUpload } from '../../s3/port.ts';
import { compare } from '../../uploads/verify.ts';
import { answerOf, verdict, type Question, type Said } from '../ask.ts';
import { grantOnObjects } from '../bucket/remedies.ts';
import { refusedForParts } from '../bucket/rights.ts';
import type { Finding } from '../finding.ts';
import { refusalOf, statusOf } from '../refusal-of.ts';
import { BODY, CANARY, type Trial } from './trial.ts';

const OFF = ['uploads in parts'];
const LONGER_BODY = Buffer.concat([BODY, Buffer.from('\n')]);
const WITHOUT_PARTS =
  'use an S3 with multipart uploads under SSE-C, or take multipart out of `tenants.*.methods`';

/** An upload in parts, by the service's own calls and by URLs as it hands them out; another one is thrown away. */
export async function* inParts(trial: Trial): AsyncGenerator<Finding> {
  // Told of with the rights: what is begun could not be thrown away.
  if ((await refusedForParts(trial)).length > 0) return;
  try {
    const upload = await begin(trial, 'in-parts');
    const signature = await signedParts(trial, upload);
    yield signature;
    // What was taken in place of the right part is not to be completed.
    if (signature.outcome === 'unsafe') return;
    yield await completed(trial, upload);
  } catch (error) {
    if (!(error instanceof DependencyUnavailable)) throw error;
    const { say, asker } = trial;
    const found = `an upload in parts does not work: a call is answered ${refusalOf(error)}`;
    const actions = ['s3:PutObject', 's3:ListMultipartUploadParts', 's3:AbortMultipartUpload'];
    const remedy = statusOf(error) === 403 ? grantOnObjects(asker.bucket, ...actions) : WITHOUT_PARTS;
    yield say.off('multipart', found, remedy, OFF);
  }
}

async function begin(trial: Trial, what: string): Promise<MultipartUpload> {
  const { asker, key } = trial;
  const objectKey = trial.name(what);
  const place = { bucket: asker.bucket, objectKey };
  const headers = { contentType: CANARY.contentType, metadata: CANARY.metadata, tags: {} };
  const { uploadId } = await trial.make(objectKey, async () => ({
    uploadId: await asker.target.multipart.begin(place, key, headers, undefined),
  }));
  return { ...place, uploadId };
}

/** The only part, as `parts` signs it. */
function partOf(trial: Trial, { objectKey, uploadId }: MultipartUpload): Question {
  const headers = { ...trial.key.headers() };
  const query = { partNumber: '1', uploadId };
  return { method: 'PUT', upload: true, objectKey, query, headers, body: BODY };
}

/** Parts that differ from what was signed. */
async function signedParts(trial: Trial, upload: MultipartUpload): Promise<Finding> {
  const right = partOf(trial, upload);
  const announced = { ...right.headers, 'content-length': String(BODY.length) };
  const attempts: readonly (readonly [string, Partial<Question>])[] = [
    ['the customer key', { send: { ...trial.otherKey.headers() } }],
    ['SSE-C altogether', { send: {} }],
    ['content-length', { headers: announced, body: LONGER_BODY }],
  ];
  const passed: string[] = [];
  let unclear: Said | undefined;
  for (const [what, change] of attempts) {
    const said = await trial.ask({ ...right, ...change });
    if (verdict(said) === 'taken') passed.push(what);
    if (verdict(said) === 'unclear') unclear = said;
  }
  const check = 'multipart.signature';
  if (passed.length > 0) {
    return trial.say.unsafe(
      check,
      `S3 took parts that differ from what was signed in: ${passed.join(', ')}`,
      'use an S3 that checks all signed headers of a part, or take multipart out of `tenants.*.methods`',
    );
  }
  if (unclear !== undefined) return trial.unclear(check, unclear);
  return trial.say.ok(check, 'a part under another key, without SSE-C, or longer: all refused');
}

async function completed(trial: Trial, upload: MultipartUpload): Promise<Finding> {
  const { asker, key, say } = trial;
  const { multipart, objects } = asker.target;
  const off = (found: string) => say.off('multipart', found, WITHOUT_PARTS, OFF);
  const sent = await trial.ask(partOf(trial, upload));
  if (verdict(sent) === 'unclear') return trial.unclear('multipart', sent);
  if (verdict(sent) === 'refused') return off(`the right part is answered ${answerOf(sent)}`);
  const parts = await multipart.parts(upload, key);
  if (parts?.length !== 1 || parts[0]?.size !== BODY.length)
    return off('S3 does not list the part that it took');

  const { head, completion } = await trial.make(upload.objectKey, async () => {
    const completion = await multipart.complete(upload, key, parts, undefined);
    const withKey = await objects.head(upload.bucket, upload.objectKey, key);
    // As `complete` does: a server that stored plain text may refuse a HEAD with a key.
    const head =
      withKey.kind === 'found' ? withKey : await objects.head(upload.bucket, upload.objectKey, undefined);
    return { completion, head, ...(head.kind === 'found' && { versionId: head.object.versionId }) };
  });
  if (completion.kind !== 'done') return off(`the right parts are not put together: ${completion.kind}`);
  if (head.kind !== 'found') return off('HEAD does not show what the parts were put together to');
  const differing = compare({ ...CANARY, size: BODY.length }, key, head.object).map(({ field }) => field);
  if (differing.some((field) => field.startsWith('encryption'))) {
    return say.unsafe(
      'multipart',
      'S3 put the parts together, but does not say that they are under SSE-C with this key: it may have stored plain text',
      WITHOUT_PARTS,
    );
  }
  if (differing.length > 0)
    return off(`what the parts were put together to has another ${differing.join(', ')}`);
  await thrownAway(trial);
  return say.ok(
    'multipart',
    'an upload in parts is under the key; an unfinished one is thrown away, part and all',
  );
}

async function thrownAway(trial: Trial): Promise<void> {
  const upload = await begin(trial, 'thrown-away');
  await trial.ask(partOf(trial, upload));
  await trial.asker.target.multipart.abort(upload);
}
