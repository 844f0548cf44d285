import type { KeyObject } from 'node:crypto';
import type { AwsCredentials } from '../credentials.ts';
import { createScope, formatDate, getSigningKey } from '../sigv4.ts';

/** Where what is signed will be sent. */
export interface SigningTarget {
  readonly publicEndpoint: URL;
  readonly region: string;
  readonly pathStyle: boolean;
}

/** What all has in common that one identity signs within one second. */
export interface Signing {
  readonly credentials: AwsCredentials;
  /** The signing date: milliseconds since the epoch, a whole second. */
  readonly signedAt: number;
  /** The same as `20261126T235959Z`. */
  readonly longDate: string;
  readonly scope: string;
  readonly signingKey: KeyObject;
}

interface Known {
  readonly credentials: AwsCredentials;
  readonly scope: string;
  readonly signingKey: KeyObject;
}

const SERVICE = 's3';

/** Around midnight while credentials rotate, four are in use. */
const MOST_KEYS = 8;

/** Signs for one region, and keeps the signing keys of late. */
export class Signings {
  readonly #region: string;
  readonly #known: Known[] = [];
  #latest: Signing | undefined;

  constructor(region: string) {
    this.#region = region;
  }

  /** @returns the same object for the same credentials within the same second, unless others came between. */
  at(now: number, credentials: AwsCredentials): Signing {
    const signedAt = Math.floor(now / 1000) * 1000;
    const latest = this.#latest;
    if (latest?.signedAt === signedAt && isSame(latest.credentials, credentials)) return latest;
    const { longDate, shortDate } = formatDate(signedAt);
    const scope = createScope(shortDate, this.#region, SERVICE);
    const signingKey = this.#keyFor(credentials, shortDate, scope);
    return (this.#latest = { credentials, signedAt, longDate, scope, signingKey });
  }

  #keyFor(credentials: AwsCredentials, shortDate: string, scope: string): KeyObject {
    const known = this.#known.find((one) => one.scope === scope && isSame(one.credentials, credentials));
    if (known !== undefined) return known.signingKey;
    const signingKey = getSigningKey(credentials.secretAccessKey, shortDate, this.#region, SERVICE);
    this.#known.push({ credentials, scope, signingKey });
    if (this.#known.length > MOST_KEYS) this.#known.shift();
    return signingKey;
  }
}

/** Providers may hand out a new object each time. */
function isSame(a: AwsCredentials, b: AwsCredentials): boolean {
  return (
    a === b ||
    (a.accessKeyId === b.accessKeyId &&
      a.secretAccessKey === b.secretAccessKey &&
      a.sessionToken === b.sessionToken)
  );
}
