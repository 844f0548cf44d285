import { verdict, type Question, type Said } from '../ask.ts';
import type { Finding } from '../finding.ts';
import { BODY, type Trial } from './trial.ts';

/** Values that S3 could take, so that only the signature stands in their way. */
const CHANGED: Readonly<Record<string, string>> = {
  'content-type': 'text/html',
  'if-none-match': '"other"',
  'x-amz-server-side-encryption-customer-algorithm': 'aws:kms',
  'x-amz-meta-canary': 'other',
};

type Attempt = readonly [what: string, change: Partial<Question>];

/** Uploads that differ from what was signed. Brief: only one, under another key. */
export async function* signedHeaders(trial: Trial, brief: boolean): AsyncGenerator<Finding> {
  const passed = new Set<string>();
  let unclear: Said | undefined;
  const attempts = brief ? [anotherKey(trial)] : allAttempts(trial);
  for (const [what, change] of attempts) {
    const said = await trial.put(trial.name('not-as-signed'), change);
    const answer = verdict(said);
    if (answer === 'taken') passed.add(what);
    if (answer === 'unclear') unclear = said;
  }
  if (passed.size > 0) {
    yield trial.say.unsafe(
      'signature',
      `S3 took uploads that differ from what was signed in: ${[...passed].join(', ')}`,
      'use an S3 that checks all signed headers, or find out what signs again on the way to it',
    );
  } else if (unclear !== undefined) {
    yield trial.unclear('signature', unclear);
  } else {
    yield trial.say.ok('signature', okWords(brief, Object.keys(trial.headers()).length));
  }
}

function okWords(brief: boolean, count: number): string {
  return brief
    ? 'another key than the signed one is refused'
    : `each of ${count} signed headers missing or changed, a longer and a shorter body: all refused`;
}

function anotherKey(trial: Trial): Attempt {
  return ['the customer key', { send: { ...trial.headers(), ...trial.otherKey.headers() } }];
}

function allAttempts(trial: Trial): Attempt[] {
  const headers = trial.headers();
  const other: Readonly<Record<string, string>> = { ...CHANGED, ...onlyKey(trial) };
  const each = Object.keys(headers).flatMap((name): Attempt[] => {
    return [
      [name, { send: without(headers, name) }],
      [name, { send: { ...headers, [name]: other[name] ?? 'other' } }],
    ];
  });
  const withoutSse = Object.entries(headers).filter(([name]) => !name.includes('-customer-'));
  const announced = { ...headers, 'content-length': String(BODY.length) };
  return [
    ...each,
    anotherKey(trial),
    ['SSE-C altogether', { send: Object.fromEntries(withoutSse) }],
    ['content-length', { headers: announced, body: Buffer.concat([BODY, BODY]) }],
    ['content-length', { headers: announced, body: BODY.subarray(1) }],
  ];
}

/** Another key and its MD5, each a value that fits its header. */
function onlyKey({ otherKey }: Trial): Record<string, string> {
  return without({ ...otherKey.headers() }, 'x-amz-server-side-encryption-customer-algorithm');
}

function without(headers: Readonly<Record<string, string>>, dropped: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== dropped));
}
