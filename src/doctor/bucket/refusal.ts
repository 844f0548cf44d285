import { answerOf, element, type Asker, type Said } from '../ask.ts';
import { about, type Finding } from '../finding.ts';

const ALL = ['uploads, downloads and DELETE for this bucket'];

const CREDENTIALS: Readonly<Record<string, readonly [found: string, remedy: string]>> = {
  InvalidAccessKeyId: [
    'S3 does not know the access key id',
    'correct `accessKeyId`, or make the access key again',
  ],
  SignatureDoesNotMatch: [
    'the secret access key does not fit the access key id',
    'correct `secretAccessKey`; when it is right, something between here and S3 changes Host, path or query',
  ],
  ExpiredToken: [
    'the session of these temporary credentials has ended',
    'renew them, or set `credentials: { kind: default }`',
  ],
  InvalidToken: [
    'S3 does not accept the session token',
    'correct `sessionToken`; lasting credentials have none',
  ],
};

const ALIASES: Readonly<Record<string, string>> = {
  InvalidTokenId: 'InvalidToken',
  TokenRefreshRequired: 'ExpiredToken',
  ExpiredTokenException: 'ExpiredToken',
};

/** A region in a refusal: S3 wants another one in the signature, or the bucket lies elsewhere. */
const REGION_CODES = new Set([
  'AuthorizationHeaderMalformed',
  'AuthorizationQueryParametersError',
  'PermanentRedirect',
  'TemporaryRedirect',
  'IllegalLocationConstraintException',
  'IllegalLocationConstraint',
]);

/**
 * What S3's answer to a first signed question, a listing of the bucket, says about bucket, credentials, region and clock.
 * @returns undefined when one can go on: it was answered, or only this right is missing.
 */
export function whyNotReached(
  said: Said,
  asker: Pick<Asker, 'bucket' | 's3api'>,
  {
    subject,
    region,
    target = '*',
    setting = '`bucket` of the tenants',
  }: { subject: string; region: string; target?: string | undefined; setting?: string },
): Finding | undefined {
  const say = about(subject);
  const code = ALIASES[said.code] ?? said.code;
  if (said.status < 300) return undefined;

  const named = asRegion(said.headers['x-amz-bucket-region'] ?? element(said.body, 'Region'));
  if (REGION_CODES.has(code) || (named !== undefined && named !== region)) {
    return say.off(
      'bucket.region',
      `signed for ${region}, but ${named === undefined ? 'S3 expects another region' : `the bucket is in ${named}`}: ${answerOf(said)}`,
      `set \`s3.targets.${target}.region\` to ${named ?? "the bucket's region"}, and \`endpoint\` to that region's`,
      ALL,
    );
  }
  const credentials = CREDENTIALS[code];
  if (credentials !== undefined) {
    const [found, remedy] = credentials;
    return say.off('bucket.credentials', `${found}: ${answerOf(said)}`, remedy, ALL);
  }
  if (
    code === 'RequestTimeTooSkewed' ||
    /has expired|not valid yet/i.test(element(said.body, 'Message') ?? '')
  ) {
    return say.off(
      'bucket.clock',
      `S3 does not accept the time of a signature made just now: ${answerOf(said)}`,
      'set the clocks of this machine and of S3 by NTP',
      ALL,
    );
  }
  if (code === 'NoSuchBucket' || said.status === 404) {
    const elsewhere =
      region === 'us-east-1' ? '' : ` --create-bucket-configuration LocationConstraint=${region}`;
    return say.off(
      'bucket.exists',
      `there is no bucket ${asker.bucket}: ${answerOf(said)}`,
      `correct ${setting}, or make it:\n${asker.s3api('create-bucket', `--region ${region}${elsewhere}`)}`,
      ALL,
    );
  }
  if (said.status === 403) return undefined;
  return say.off(
    'bucket.exists',
    `S3 answers ${answerOf(said)} to a listing`,
    'look into the log of the S3 server; nothing more can be examined until it answers',
    ALL,
  );
}

/** Somebody else's word that ends up in a remedy, to be typed by an operator. */
function asRegion(text: string | undefined): string | undefined {
  return text !== undefined && /^[a-z0-9-]{1,32}$/.test(text) ? text : undefined;
}
