import { encodeRfc3986, objectUrl } from '../object-url.ts';
import type { SignRequest } from '../port.ts';
import {
  createCanonicalRequest,
  createStringToSign,
  encodeParameter,
  getCanonicalHeaders,
  getCanonicalQuery,
  getPresignParameters,
  getSignature,
  UNSIGNED_PAYLOAD,
  type QueryParameter,
} from '../sigv4.ts';
import type { Signing, SigningTarget } from './signing.ts';

/** Signs URLs that all begin and end at the same second. */
export class UrlSigner {
  readonly #target: SigningTarget;
  readonly #signing: Signing;
  readonly #seconds: number;
  readonly #parameters: readonly QueryParameter[];
  /** The same as text. */
  readonly #query: string;

  constructor(target: SigningTarget, signing: Signing, seconds: number) {
    this.#target = target;
    this.#signing = signing;
    this.#seconds = seconds;
    const { credentials, longDate, scope } = signing;
    this.#parameters = getPresignParameters(credentials, scope, longDate, seconds);
    this.#query = getCanonicalQuery(this.#parameters);
  }

  isFor(signing: Signing, seconds: number): boolean {
    return this.#signing === signing && this.#seconds === seconds;
  }

  sign({ method, bucket, objectKey, headers: given, query: asked }: SignRequest): string {
    const { publicEndpoint, pathStyle } = this.#target;
    const { longDate, scope, signingKey } = this.#signing;
    const { protocol, host, path } = objectUrl(publicEndpoint, pathStyle, bucket, objectKey);
    const headers = getCanonicalHeaders({ ...given, host });
    const query = this.#queryWith(headers.names, asked);
    const payloadHash = UNSIGNED_PAYLOAD;
    const canonicalRequest = createCanonicalRequest({ method, path, query, headers, payloadHash });
    const stringToSign = createStringToSign(longDate, scope, canonicalRequest);
    const signature = getSignature(signingKey, stringToSign);
    return `${protocol}//${host}${path}?${query}&X-Amz-Signature=${signature}`;
  }

  #queryWith(signedHeaders: string, asked: SignRequest['query']): string {
    const signed: QueryParameter = ['X-Amz-SignedHeaders', encodeRfc3986(signedHeaders)];
    // It sorts behind all that stand already.
    if (asked === undefined) return `${this.#query}&${signed.join('=')}`;
    return getCanonicalQuery([...this.#parameters, signed, ...Object.entries(asked).map(encodeParameter)]);
  }
}
