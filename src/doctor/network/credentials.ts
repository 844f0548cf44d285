import type { Clock } from '../../clock.ts';
import { endOf, type AwsCredentials, type CredentialProvider } from '../../s3/credentials.ts';
import { about, type CheckText, type Examination } from '../finding.ts';
import { moment, span } from '../words.ts';

export const CREDENTIALS_CHECKS = {
  credentials: {
    title: 'credentials',
    means:
      'There are S3 credentials, and they last as long as the longest URL: a URL ends with the credentials that signed it.',
  },
} as const satisfies Record<string, CheckText>;

export interface CredentialsQuestion {
  readonly subject: string;
  readonly credentials: CredentialProvider;
  readonly kind: 'static' | 'default';
  readonly hasSessionToken: boolean;
  /** The longest life that any tenant's policy gives a URL. */
  readonly longestUrlSeconds: number;
  readonly now: Clock;
}

const OFF = ['uploads', 'downloads', 'complete', 'DELETE'];
const REMEDY = {
  default:
    'give the process a role (instance, container, web identity), AWS_PROFILE or AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY; or set credentials to kind: static',
  static: 'set accessKeyId and secretAccessKeyFile of this target',
} as const;

/** Whether there is something to sign with, and for how long; S3's word on it comes with the first request. */
export async function* examineCredentials(question: CredentialsQuestion): Examination {
  const { subject, kind, hasSessionToken, longestUrlSeconds, now } = question;
  const say = about(subject);
  const these = kind === 'static' ? 'the static ones' : 'those of the AWS chain';
  const until = now() + longestUrlSeconds * 1000;
  let held: AwsCredentials;
  try {
    held = await lasting(question.credentials, until);
  } catch (error) {
    // The class only: a provider's message may carry the answer it choked on.
    const why = error instanceof Error ? error.name : 'unknown failure';
    yield say.off('credentials', `${these} are not to be had (${why})`, REMEDY[kind], OFF);
    return false;
  }
  if (held.accessKeyId === '' || held.secretAccessKey === '') {
    yield say.off('credentials', `${these} are empty`, REMEDY[kind], OFF);
    return false;
  }

  const which = `${held.accessKeyId.slice(0, 4)}…, ${kind === 'static' ? 'static' : 'of the AWS chain'}`;
  const end = endOf(held);
  if (end === Number.POSITIVE_INFINITY) {
    yield hasSessionToken
      ? say.note(
          'credentials',
          `${which}, with a session token: they end at a time not known here, and nothing renews them`,
          'write a new token to its file and send SIGHUP before they end; or use kind: default with a role',
        )
      : say.ok('credentials', `${which}, lasting`);
    return true;
  }
  const left = end - now();
  const at = moment(new Date(end));
  if (left < 1000) {
    yield say.off('credentials', `${which}, ended at ${at}, ${span(left)} ago`, REMEDY[kind], OFF);
    return false;
  }
  const found = `${which}, temporary, end at ${at}, in ${span(left)}`;
  yield end < until
    ? say.note(
        'credentials',
        `${found}; URLs of up to ${longestUrlSeconds} s are cut short to that`,
        'let the role have longer sessions, or lower urlSeconds.max of the tenants',
      )
    : say.ok('credentials', found);
  return true;
}

/** As the service does: temporary ones that end too early are refreshed first, and the old ones may still do. */
async function lasting(provide: CredentialProvider, until: number): Promise<AwsCredentials> {
  const held = await provide();
  if (endOf(held) >= until) return held;
  const fresh = await provide({ forceRefresh: true }).catch(() => held);
  return endOf(fresh) > endOf(held) ? fresh : held;
}
