import { answerOf, verdict, type Asker } from '../ask.ts';
import { canaryName } from '../canaries.ts';
import type { Finding } from '../finding.ts';
import type { Trial } from './trial.ts';

/** What the bucket lets everybody do: requests without any signature. Brief: only whether they may write. */
export async function* anonymous(trial: Trial, brief: boolean): AsyncGenerator<Finding> {
  yield* write(trial);
  if (brief) return;
  yield* list(trial);
  yield* read(trial);
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

async function* list(trial: Trial): AsyncGenerator<Finding> {
  const { asker, say } = trial;
  const query = { 'list-type': '2', prefix: canaryName('none'), 'max-keys': '1' };
  const said = await trial.ask({ method: 'GET', query, unsigned: true });
  yield verdict(said) === 'taken'
    ? say.note(
        'anonymous.list',
        'anybody may list the object keys, and file names with them',
        closing(asker, 's3:ListBucket'),
      )
    : notTaken(trial, 'anonymous.list', answerOf(said), verdict(said));
}

async function* read(trial: Trial): AsyncGenerator<Finding> {
  const { asker, key, objectKey, say } = trial;
  const headers = { ...key.headers() };
  const said = await trial.ask({ method: 'GET', objectKey, headers, unsigned: true });
  yield verdict(said) === 'taken'
    ? say.note(
        'anonymous.read',
        'who has the key of an object reads it without a URL, so no URL’s end ends that',
        closing(asker, 's3:GetObject'),
      )
    : notTaken(trial, 'anonymous.read', answerOf(said), verdict(said));
}

/** Neither can be unsafe, so here an open question is only noted. */
function notTaken(
  { say }: Trial,
  check: string,
  answer: string,
  is: 'taken' | 'refused' | 'unclear',
): Finding {
  return is === 'refused'
    ? say.ok(check, `refused without a signature: ${answer}`)
    : say.note(check, `not examined: S3 says ${answer}`);
}

function closing(asker: Asker, action: string): string {
  return (
    `take ${action} away from everybody ("Principal": "*" in the bucket policy, AllUsers in its ACL):\n` +
    asker.s3api('get-bucket-policy')
  );
}
