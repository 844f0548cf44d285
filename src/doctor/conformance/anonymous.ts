import { answerOf, verdict, type Asker, type Question } from '../ask.ts';
import { canaryName } from '../canaries.ts';
import type { Finding } from '../finding.ts';
import type { Trial } from './trial.ts';

/** What the bucket lets everybody do: requests without any signature. Brief: only whether they may write. */
export async function* anonymous(trial: Trial, brief: boolean): AsyncGenerator<Finding> {
  yield* write(trial);
  if (brief) return;
  yield await list(trial);
  yield await read(trial);
}

async function* write(trial: Trial): AsyncGenerator<Finding> {
  const check = 'anonymous.write';
  const said = await trial.put(trial.name('anonymous'), { unsigned: true });
  // Of a version that cannot exist: nothing is removed, and no delete marker made.
  const removal = {
    method: 'DELETE',
    objectKey: trial.name('anonymous'),
    query: { versionId: 'null' },
  } as const;
  const deleted = await trial.ask({ ...removal, unsigned: true });
  const unclear = [said, deleted].find((each) => verdict(each) === 'unclear');
  const [put, removed] = [verdict(said) === 'taken', verdict(deleted) === 'taken'];
  if (!put && !removed && unclear !== undefined) yield trial.unclear(check, unclear);
  else if (!put && !removed) yield trial.say.ok(check, `refused without a signature: ${answerOf(said)}`);
  else
    yield trial.say.unsafe(
      check,
      put
        ? 'S3 took an upload without any signature: anybody can replace what was uploaded, under a key that they know'
        : 'S3 took a DELETE without any signature: anybody can destroy what was uploaded',
      closing(trial.asker, 's3:PutObject and s3:DeleteObject'),
    );
}

function list(trial: Trial): Promise<Finding> {
  const query = { 'list-type': '2', prefix: canaryName('none'), 'max-keys': '1' };
  const open = 'anybody may list the object keys, and file names with them';
  return advised(trial, 'anonymous.list', { method: 'GET', query }, open, 's3:ListBucket');
}

function read(trial: Trial): Promise<Finding> {
  const { key, objectKey } = trial;
  const question = { method: 'GET', objectKey, headers: { ...key.headers() } } as const;
  const open = 'who has the key of an object reads it without a URL, so no URL’s end ends that';
  return advised(trial, 'anonymous.read', question, open, 's3:GetObject');
}

/** For what cannot be unsafe: here an open question is only noted. */
async function advised(
  trial: Trial,
  check: string,
  question: Question,
  open: string,
  action: string,
): Promise<Finding> {
  const said = await trial.ask({ ...question, unsigned: true });
  const { say, asker } = trial;
  switch (verdict(said)) {
    case 'taken':
      return say.note(check, open, closing(asker, action));
    case 'refused':
      return say.ok(check, `refused without a signature: ${answerOf(said)}`);
    case 'unclear':
      return say.note(check, `not examined: S3 says ${answerOf(said)}`);
  }
}

function closing(asker: Asker, action: string): string {
  return (
    `take ${action} away from everybody ("Principal": "*" in the bucket policy, AllUsers in its ACL):\n` +
    asker.s3api('get-bucket-policy')
  );
}
