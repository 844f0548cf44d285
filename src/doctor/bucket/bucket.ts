import { CustomerKey } from '../../custody/customer-key.ts';
import { answerOf, element, verdict, type Asker, type Said } from '../ask.ts';
import { canaryName } from '../canaries.ts';
import { about, type CheckText, type Finding } from '../finding.ts';
import { grantOnBucket, unblockSse } from './remedies.ts';
import { whyNotReached } from './refusal.ts';
import { unexamined } from '../unexamined.ts';

export const BUCKET_CHECKS = {
  'bucket.exists': {
    title: 'bucket',
    means: 'The bucket that tenants name is there.',
  },
  'bucket.credentials': {
    title: 'credentials',
    means: 'S3 knows the credentials that the service signs with.',
  },
  'bucket.region': {
    title: 'region',
    means: 'Signatures name a region, and S3 refuses those that name another than the bucket has.',
  },
  'bucket.clock': {
    title: 'signing time',
    means:
      'Signatures name a time. By S3’s clock it has to be now, or S3 takes the URL for expired or not yet valid.',
  },
  signature: {
    title: 'signature',
    means:
      'A URL is good for exactly what was signed: this object, this key, these headers, this length. An S3 that lets more pass hands ' +
      'objects out to anybody who has an old URL, or takes others than were announced.',
  },
  'bucket.versioning': {
    title: 'versioning',
    means:
      'On a versioned bucket the service hands out exactly the version that it verified, whoever else writes to the bucket.',
  },
  'bucket.lock': {
    title: 'Object Lock',
    means:
      'A default retention keeps every object for a while, whatever the service asks: DELETE cannot remove it.',
  },
  'bucket.lifecycle': {
    title: 'lifecycle',
    means: 'Unfinished multipart uploads cost storage until somebody aborts them; a lifecycle rule does.',
  },
  'bucket.encryption': {
    title: 'SSE-C allowed',
    means:
      'AWS can block SSE-C for a bucket, and does by default since April 2026: every upload is then refused.',
  },
} as const satisfies Record<string, CheckText>;

/** What the rest of the examination builds on. */
export interface BucketFacts {
  /** Object Lock keeps every new object. */
  readonly locked: boolean;
  /** The bucket's own settings refuse SSE-C. */
  readonly sseBlocked: boolean;
  /** S3's answer to a listing of what is not there, and to HEAD of it. */
  readonly listing: Said;
  readonly absent: Said;
}

/**
 * Whether there is a bucket that one can talk with, and how it is set up. Brief: nothing that can only lead to advice. Rejects as
 * `Asker.ask` does.
 * @returns undefined when nothing more can be asked of it.
 */
export async function* examineBucket(
  asker: Asker,
  {
    subject,
    region,
    target,
    brief,
  }: { subject: string; region: string; target?: string | undefined; brief: boolean },
): AsyncGenerator<Finding, BucketFacts | undefined> {
  const say = about(subject);
  const listing = await asker.ask({
    method: 'GET',
    query: { 'list-type': '2', prefix: canaryName('none'), 'max-keys': '1' },
  });
  const refusal = whyNotReached(listing, asker, { subject, region, target });
  if (refusal !== undefined) {
    yield refusal;
    return undefined;
  }
  const { absent, believed, open } = await believesAnything(asker);
  if (believed !== undefined) {
    yield say.unsafe(
      'signature',
      believed,
      'use another S3, or find out what answers in its place: nothing that it says can be believed',
    );
    return undefined;
  }
  yield say.ok('bucket.exists', `${asker.bucket} answers`);
  if (open !== undefined) yield unexamined(subject, 'signature', open);
  if (!brief) yield* versioning(asker, subject);
  const locked = yield* objectLock(asker, subject);
  if (!brief) yield* lifecycle(asker, subject);
  const sseBlocked = yield* encryption(asker, subject);
  return { locked, sseBlocked, listing, absent };
}

/** Two questions that no honest server answers with yes. @returns what it said yes to, or an answer that was neither yes nor no. */
async function believesAnything(
  asker: Asker,
): Promise<{ absent: Said; believed?: string; open?: Said | undefined }> {
  const absent = await asker.ask({ method: 'HEAD', objectKey: canaryName('none') });
  if (absent.status < 300)
    return { absent, believed: `S3 says ${absent.status} to an object that cannot exist` };
  const headers = { ...CustomerKey.generate().headers() };
  const send = { ...CustomerKey.generate().headers() };
  const forged = await asker.ask({ method: 'GET', query: { versioning: '' }, headers, send });
  if (forged.status < 300)
    return { absent, believed: `S3 says ${forged.status} to a request whose signature is wrong` };
  return { absent, open: [absent, forged].find((said) => verdict(said) === 'unclear') };
}

async function* versioning(asker: Asker, subject: string): AsyncGenerator<Finding> {
  const say = about(subject);
  const said = await asker.ask({ method: 'GET', query: { versioning: '' } });
  const advice =
    'better turn it on, so that an object replaced by somebody with S3 credentials is never handed out:\n' +
    asker.s3api('put-bucket-versioning', '--versioning-configuration Status=Enabled');
  if (said.status !== 200) {
    yield unreadable(asker, subject, 'bucket.versioning', said, 's3:GetBucketVersioning');
  } else if (element(said.body, 'Status') === 'Enabled') {
    yield say.ok('bucket.versioning', 'versioned: what is handed out is the version that was verified');
  } else if (element(said.body, 'Status') === 'Suspended') {
    yield say.note('bucket.versioning', 'versioning is suspended, and new objects have no version', advice);
  } else {
    yield say.note('bucket.versioning', 'not versioned', advice);
  }
}

async function* objectLock(asker: Asker, subject: string): AsyncGenerator<Finding, boolean> {
  const say = about(subject);
  const said = await asker.ask({ method: 'GET', query: { 'object-lock': '' } });
  if (said.status === 403) {
    yield unreadable(asker, subject, 'bucket.lock', said, 's3:GetBucketObjectLockConfiguration');
    return false;
  }
  if (verdict(said) === 'unclear') {
    yield unexamined(subject, 'bucket.lock', said);
    return false;
  }
  // Servers without Object Lock answer 404, 400 or 501.
  if (said.status !== 200 || !said.body.includes('<DefaultRetention>')) {
    yield say.ok('bucket.lock', 'no default retention: objects can be removed');
    return false;
  }
  const period = `${element(said.body, 'Days') ?? element(said.body, 'Years') ?? ''} ${said.body.includes('<Days>') ? 'days' : 'years'}`;
  yield say.off(
    'bucket.lock',
    `every new object is locked for ${period} (${element(said.body, 'Mode') ?? 'no mode named'})`,
    'use a bucket without a default retention, or remove it:\n' +
      asker.s3api('put-object-lock-configuration', '--object-lock-configuration ObjectLockEnabled=Enabled'),
    ['DELETE: slots stay `deleting` until the lock ends', 'the conformance run'],
  );
  return true;
}

const ABORT_UNFINISHED =
  '{"Rules": [{"ID": "abort-unfinished", "Status": "Enabled", "Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}]}';

async function* lifecycle(asker: Asker, subject: string): AsyncGenerator<Finding> {
  const said = await asker.ask({ method: 'GET', query: { lifecycle: '' } });
  if (said.status === 403) {
    yield unreadable(asker, subject, 'bucket.lifecycle', said, 's3:GetLifecycleConfiguration');
    return;
  }
  const rules = said.status === 200 ? said.body.split('<Rule>').slice(1) : [];
  const days = rules.filter(forWholeBucket).map((rule) => element(rule, 'DaysAfterInitiation'));
  const aborting = days.find((value) => value !== undefined);
  yield aborting === undefined
    ? about(subject).note(
        'bucket.lifecycle',
        'no rule aborts unfinished multipart uploads',
        `where the server has such rules (MinIO aborts them by itself):\n` +
          asker.s3api(
            'put-bucket-lifecycle-configuration',
            `--lifecycle-configuration '${ABORT_UNFINISHED}'`,
          ) +
          '\nIt replaces the rules that there are',
      )
    : about(subject).ok(
        'bucket.lifecycle',
        `unfinished multipart uploads are aborted after ${aborting} days`,
      );
}

function forWholeBucket(rule: string): boolean {
  const narrowed = /<Prefix>[^<]|<Tag>|<ObjectSize/.test(rule);
  return element(rule, 'Status') === 'Enabled' && !narrowed;
}

/** Says nothing when it cannot be read: the canaries tell as well. */
async function* encryption(asker: Asker, subject: string): AsyncGenerator<Finding, boolean> {
  const said = await asker.ask({ method: 'GET', query: { encryption: '' } });
  if (said.status !== 200) return false;
  const blocked = /<BlockedEncryptionTypes>.*?<EncryptionType>SSE-C</s.test(said.body);
  yield blocked
    ? about(subject).off('bucket.encryption', 'the bucket blocks SSE-C', unblockSse(asker), [
        'all uploads: S3 answers 403',
      ])
    : about(subject).ok('bucket.encryption', 'the bucket does not block SSE-C');
  return blocked;
}

function unreadable(asker: Asker, subject: string, check: string, said: Said, action: string): Finding {
  // The listings of recover and audit ask for it too, and do without.
  const why = check === 'bucket.versioning' ? 'for it, recover and audit' : 'to have it looked at';
  const remedy = said.status === 403 ? `${why}, ${grantOnBucket(asker.bucket, action)}` : undefined;
  return about(subject).note(check, `could not be read: S3 says ${answerOf(said)}`, remedy);
}
