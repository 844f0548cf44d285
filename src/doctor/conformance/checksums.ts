import { createHash } from 'node:crypto';
import { answerOf, verdict } from '../ask.ts';
import type { Finding } from '../finding.ts';
import { BODY, type Trial } from './trial.ts';

const SHA256 = createHash('sha256').update(BODY).digest('base64');
const WRONG_BODY = Buffer.from(BODY).reverse();
const OFF = ['`sha256` in a slot'];

/** Checksums of BODY in the kinds that neither Node nor this service computes. */
export const OTHER_KINDS = {
  CRC32C: '5SWxIQ==',
  CRC64NVME: 'UzABbgdvTKE=',
} as const;

/** A wrong body under a signed SHA-256, then the right one. */
export async function* sha256(trial: Trial): AsyncGenerator<Finding> {
  const { say, asker, key } = trial;
  const headers = trial.headers(SHA256);
  const wrongName = trial.name('wrong-body');
  const wrong = await trial.put(wrongName, { headers, body: WRONG_BODY });
  if (verdict(wrong) === 'unclear') {
    yield trial.unclear('checksum.sha256', wrong);
    return;
  }
  const { objects } = asker.target;
  const remedy = 'use an S3 that checks x-amz-checksum-sha256';
  if (verdict(wrong) === 'taken') {
    const head = await objects.head(asker.bucket, wrongName, key);
    const believed = head.kind === 'found' && head.object.sha256 === SHA256;
    yield believed
      ? say.unsafe(
          'checksum.sha256',
          'S3 took a wrong body, and says that it has the announced SHA-256',
          remedy,
        )
      : say.off('checksum.sha256', 'S3 took a wrong body under a signed SHA-256', remedy, OFF);
    return;
  }
  const rightName = trial.name('sha-256');
  const right = await trial.put(rightName, { headers });
  const head = verdict(right) === 'taken' ? await objects.head(asker.bucket, rightName, key) : undefined;
  if (head?.kind === 'found' && head.object.sha256 === SHA256) {
    yield say.ok('checksum.sha256', 'a wrong body is refused, and HEAD shows the SHA-256');
  } else {
    const found =
      head === undefined
        ? `an upload with its SHA-256 is answered ${answerOf(right)}`
        : 'HEAD does not show the SHA-256 that was sent';
    yield say.off('checksum.sha256', found, remedy, OFF);
  }
}

export async function* otherKinds(trial: Trial): AsyncGenerator<Finding> {
  const checked: string[] = [];
  for (const [kind, value] of Object.entries(OTHER_KINDS)) {
    const name = `x-amz-checksum-${kind.toLowerCase()}`;
    const headers = { ...trial.headers(), [name]: value };
    const right = await trial.put(trial.name(kind), { headers });
    const wrong = await trial.put(trial.name(`wrong-${kind}`), { headers, body: WRONG_BODY });
    if (verdict(right) === 'taken' && verdict(wrong) === 'refused') checked.push(kind);
  }
  const missing = Object.keys(OTHER_KINDS).filter((kind) => !checked.includes(kind));
  const { say } = trial;
  yield missing.length === 0
    ? say.ok('checksum.others', `checked too: ${checked.join(', ')}`)
    : say.note('checksum.others', `not checked: ${missing.join(', ')}; the service does not need them`);
}
