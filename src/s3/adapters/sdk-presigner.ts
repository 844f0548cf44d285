import { S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import { DependencyUnavailable } from '../../errors.ts';
import { CredentialSource, endOf, type CredentialProvider } from '../credentials.ts';
import { encodeRfc3986, objectUrl, type ObjectLocation } from '../object-url.ts';
import type { Presigner, SignRequest, UrlWindow } from '../port.ts';
import { signForm } from './post-form.ts';
import { Sha256 } from './sha256.ts';

export interface PresignerOptions {
  readonly target: { readonly publicEndpoint: URL; readonly region: string; readonly pathStyle: boolean };
  readonly credentials: CredentialProvider;
  /** S3's clock minus ours, in milliseconds. */
  readonly skewMs: () => number;
}

const CONTENT_SHA256 = 'x-amz-content-sha256';

/** Presigns with the SDK's SigV4 signer, called directly: `getSignedUrl` costs five times as much and hoists headers. */
export function createPresigner({ target, credentials, skewMs }: PresignerOptions): Presigner {
  const source = new CredentialSource(credentials);

  return {
    async open(expiresInSeconds, now) {
      const identity = await source.get(now + expiresInSeconds * 1000, now);
      const seconds = Math.floor(Math.min(expiresInSeconds, (endOf(identity) - now) / 1000));
      if (seconds < 1) {
        throw new DependencyUnavailable('credentials', new Error('the temporary credentials have ended'));
      }
      const signer = new S3RequestPresigner({
        region: target.region,
        credentials: identity,
        sha256: Sha256,
      });
      return {
        ...lifetime(seconds, now, skewMs()),
        sign: (request) => sign(signer, target, request, seconds, now),
        form: (request) => signForm({ target, credentials: identity, seconds, now }, request),
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

async function sign(
  signer: S3RequestPresigner,
  target: PresignerOptions['target'],
  request: SignRequest,
  expiresIn: number,
  now: number,
): Promise<string> {
  const location = objectUrl(target.publicEndpoint, target.pathStyle, request.bucket, request.objectKey);
  const names = Object.keys(request.headers);
  const signed = await signer.presign(
    {
      ...location,
      method: request.method,
      headers: { ...request.headers },
      query: { ...request.query },
    },
    {
      signingDate: new Date(now),
      expiresIn,
      // Signed even where the signer leaves a header out by default (content-type, cache-control …), and left a header.
      signableHeaders: new Set(names),
      // The signer adds this header as UNSIGNED-PAYLOAD, which S3 assumes for presigned URLs anyway: it shall neither be hoisted
      // into the query nor be signed, for then the client would have to send it.
      unhoistableHeaders: new Set([...names, CONTENT_SHA256]),
      unsignableHeaders: new Set([CONTENT_SHA256]),
    },
  );
  return formatUrl(location, signed.query ?? {});
}

function formatUrl({ protocol, hostname, port, path }: ObjectLocation, query: Query): string {
  const host = port === undefined ? hostname : `${hostname}:${port}`;
  const pairs = Object.entries(query).map(([name, value]) => {
    if (typeof value !== 'string') throw new TypeError(`the query parameter ${name} is not one text`);
    return `${encodeRfc3986(name)}=${encodeRfc3986(value)}`;
  });
  return `${protocol}//${host}${path}?${pairs.sort().join('&')}`;
}

type Query = Readonly<Record<string, string | string[] | null>>;
