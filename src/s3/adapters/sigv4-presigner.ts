import { DependencyUnavailable } from '../../errors.ts';
import { CredentialSource, endOf, type CredentialProvider } from '../credentials.ts';
import type { Presigner, UrlWindow } from '../port.ts';
import { signForm } from './post-form.ts';
import { UrlSigner } from './presigned-url.ts';
import { Signings, type SigningTarget } from './signing.ts';

export interface PresignerOptions {
  readonly target: SigningTarget;
  readonly credentials: CredentialProvider;
  /** S3's clock minus ours, in milliseconds. */
  readonly skewMs: () => number;
}

/** Presigns by a SigV4 of our own (`sigv4.ts`), which tests hold equal to the SDK's. */
export function createPresigner({ target, credentials, skewMs }: PresignerOptions): Presigner {
  const source = new CredentialSource(credentials);
  const signings = new Signings(target.region);
  let urls: UrlSigner | undefined;

  return {
    async open(expiresInSeconds, now) {
      const identity = await source.get(now + expiresInSeconds * 1000, now);
      const seconds = Math.floor(Math.min(expiresInSeconds, (endOf(identity) - now) / 1000));
      if (seconds < 1) {
        throw new DependencyUnavailable('credentials', new Error('the temporary credentials have ended'));
      }
      const signing = signings.at(now, identity);
      if (!urls?.isFor(signing, seconds)) urls = new UrlSigner(target, signing, seconds);
      const signer = urls;
      return {
        ...lifetime(seconds, now, skewMs()),
        sign: (request) => signer.sign(request),
        form: (request) => signForm(target, signing, seconds, request),
      };
    },
  };
}

/** S3 counts by its own clock from the signing date, which has whole seconds. */
function lifetime(seconds: number, now: number, skew: number): Pick<UrlWindow, 'expiresAt' | 'endsAt'> {
  const expiresAt = Math.floor(now / 1000) * 1000 + seconds * 1000 - Math.max(0, skew);
  if (expiresAt <= now && skew > 0) {
    const cause = new Error(
      `S3's clock is ${skew} ms ahead: the URL would have ended before it was answered`,
    );
    throw new DependencyUnavailable('s3', cause);
  }
  return { expiresAt, endsAt: now + seconds * 1000 + Math.max(0, -skew) };
}
