import type { UploadMethod } from '../uploads/upload.ts';
import type { Asker } from './ask.ts';
import type { Canaries } from './canaries.ts';
import { anonymous } from './conformance/anonymous.ts';
import { signedHeaders } from './conformance/binding.ts';
import { otherKinds, sha256 } from './conformance/checksums.ts';
import { copyInPlace } from './conformance/copy.ts';
import { forms } from './conformance/forms.ts';
import { inParts } from './conformance/parts.ts';
import { keyNeeded, reading } from './conformance/reading.ts';
import { tags } from './conformance/tags.ts';
import { Trial } from './conformance/trial.ts';
import { expiredUrl, rightUpload, secondUpload } from './conformance/upload.ts';
import type { CheckText, Examination } from './finding.ts';

export const CONFORMANCE_CHECKS = {
  put: { title: 'upload', means: 'S3 takes an upload as the service issues it.' },
  'right.put': {
    title: 'right to write',
    means: 'URLs work with the rights of the service’s S3 credentials.',
  },
  'right.get': {
    title: 'right to read',
    means: '`complete` asks S3 with the key, and downloads are signed with the same rights.',
  },
  'sse.blocked': {
    title: 'SSE-C blocked',
    means:
      'AWS can block SSE-C for a bucket, and does by default since April 2026: every upload is then refused.',
  },
  'sse.named': {
    title: 'SSE-C',
    means:
      'Some servers answer 200 to an upload under SSE-C and store plain text. One that encrypts says so, and by which key, when it is asked.',
  },
  complete: { title: 'verification', means: 'What S3 says of an object is what was announced for it.' },
  overwrite: {
    title: 'overwriting',
    means:
      'One URL makes one object: a second PUT has to be refused, or what was verified could be replaced.',
  },
  'key.needed': {
    title: 'key needed',
    means: 'Nobody reads an object without its customer key, whatever rights they have.',
  },
  read: { title: 'download', means: 'With the key S3 gives back the bytes that it was given, also in part.' },
  'anonymous.write': {
    title: 'anybody, writing',
    means:
      'Nobody writes to the bucket without a URL of the service. Anybody who can may put another object in the place of the uploaded one.',
  },
  'anonymous.list': {
    title: 'anybody, listing',
    means:
      'Nobody sees what lies in the bucket without credentials: object keys can tell of tenants and files.',
  },
  'anonymous.read': {
    title: 'anybody, reading',
    means:
      'Nobody reads without a URL, not even with the key: URLs end, and what was handed out once does not.',
  },
  'checksum.sha256': {
    title: 'SHA-256',
    means: 'A slot with a `sha256` takes no other file: S3 itself checks it.',
  },
  'checksum.others': { title: 'other checksums', means: 'Which further kinds S3 checks.' },
  'right.tags': {
    title: 'right to read tags',
    means:
      'Some servers let a client add tags that were not signed. `complete` refuses such an object, if it is allowed to see them.',
  },
  tags: {
    title: 'tags',
    means:
      'Signed tags are stored with the object. With `custody.recovery` they hold the copy of its wrapped key.',
  },
  'right.tagging': {
    title: 'right to write tags',
    means:
      'After a rewrap the copy in the tags of each object is written anew, in the version that the slot names.',
  },
  form: {
    title: 'form',
    means: 'S3 takes a form as the service issues it, and puts its file under the key.',
  },
  'form.signature': {
    title: 'form, signed',
    means: 'A form is good for exactly what was signed: this object, this key, these fields, this size.',
  },
  'form.fanout': {
    title: 'form, other objects',
    means:
      'MinIO writes the file of a form to whatever object keys an added field names, which no signature binds. Only a right stops it: ' +
      'with it, who has a form can replace every object of the bucket until the form ends.',
  },
  multipart: {
    title: 'parts',
    means: 'S3 takes an upload in parts as the service issues it, puts it together, and throws one away.',
  },
  'multipart.signature': {
    title: 'parts, signed',
    means: 'The URL of a part is good for exactly what was signed: this part, this key, this length.',
  },
  expiry: { title: 'expiry', means: 'A URL is good until it expires, and the life of keys depends on it.' },
  copy: {
    title: 'copy',
    means: 'Re-keying copies an object onto itself, from the old key to the new one, where S3 can do that.',
  },
} as const satisfies Record<string, CheckText>;

export interface ConformanceRun {
  readonly subject: string;
  readonly brief: boolean;
  /** Uploads carry recovery copies in tags. */
  readonly tagged: boolean;
  /** How the bucket's tenants let clients upload, beside PUT. */
  readonly methods: ReadonlySet<UploadMethod>;
  readonly signal: AbortSignal;
}

/**
 * What S3 really does, shown on canaries through the service's own presigner. Brief: the questions whose answer can be "unsafe", in
 * about ten requests, and as many again where forms are allowed, but for two: whether S3 believes a wrong checksum, and whether it corrupts copies. Of the signed headers it
 * changes one only. Ends early, without a word, once `signal` is aborted. Rejects as `Asker.ask` does.
 * The caller removes the canaries.
 */
export async function* examineConformance(
  asker: Asker,
  canaries: Canaries,
  { subject, signal, ...run }: ConformanceRun,
): Examination {
  try {
    if (signal.aborted) return false;
    return yield* steps(new Trial({ asker, canaries, subject, signal }), run);
  } catch (error) {
    if (signal.aborted && error === signal.reason) return false;
    throw error;
  }
}

async function* steps(
  trial: Trial,
  { brief, tagged, methods }: Pick<ConformanceRun, 'brief' | 'tagged' | 'methods'>,
): Examination {
  if (!(yield* rightUpload(trial))) return false;
  yield* secondUpload(trial);
  yield* keyNeeded(trial);
  yield* reading(trial, brief);
  yield* signedHeaders(trial, brief);
  if (methods.has('POST')) yield* forms(trial, tagged);
  yield* expiredUrl(trial);
  yield* anonymous(trial, brief);
  if (brief) return true;
  yield* sha256(trial);
  yield* otherKinds(trial);
  yield* tags(trial, tagged);
  if (methods.has('multipart')) yield* inParts(trial);
  yield* copyInPlace(trial);
  return true;
}
