import { DependencyUnavailable } from '../errors.ts';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Only temporary credentials have one. */
  readonly expiration?: Date;
}

/** The SDK's own providers fit. */
export type CredentialProvider = (options?: { forceRefresh?: boolean }) => Promise<AwsCredentials>;

/** Between two forced refreshes: a URL that outlives any role session must not cost a call to STS each time. */
const REFRESH_INTERVAL_MS = 30_000;

/**
 * Credentials that last until a given time where that can be had: temporary ones that end sooner are refreshed first. What comes
 * back may still end sooner, but is good now.
 */
export class CredentialSource {
  readonly #provide: CredentialProvider;
  #refresh: { readonly startedAt: number; readonly done: Promise<AwsCredentials | undefined> } | undefined;

  constructor(provide: CredentialProvider) {
    this.#provide = provide;
  }

  /** @throws DependencyUnavailable('credentials') */
  async get(until: number, now: number): Promise<AwsCredentials> {
    let credentials: AwsCredentials;
    try {
      credentials = await this.#provide();
    } catch (error) {
      throw new DependencyUnavailable('credentials', messageOnly(error));
    }
    if (endOf(credentials) < until) {
      const fresh = await this.#refreshed(now);
      if (fresh && endOf(fresh) > endOf(credentials)) credentials = fresh;
    }
    if (credentials.accessKeyId === '' || credentials.secretAccessKey === '') {
      throw new DependencyUnavailable('credentials', new Error('the credentials are empty'));
    }
    return credentials;
  }

  /** One refresh is shared by all who ask meanwhile; undefined when it failed, since the old ones may still do. */
  async #refreshed(now: number): Promise<AwsCredentials | undefined> {
    const running = this.#refresh;
    if (running && now - running.startedAt < REFRESH_INTERVAL_MS) return running.done;
    const done = this.#provide({ forceRefresh: true }).catch(() => undefined);
    this.#refresh = { startedAt: now, done };
    return done;
  }
}

/** Milliseconds since the epoch; infinite for lasting credentials. */
export function endOf(credentials: AwsCredentials): number {
  return credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
}

/** A provider's error may carry the answer it choked on. */
function messageOnly(error: unknown): Error {
  return new Error(error instanceof Error ? `${error.name}: ${error.message}` : 'no credentials');
}
