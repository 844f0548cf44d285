import { FileChanged, S3Refusal } from './errors.ts';
import type { Meter } from './meter.ts';
import type { SignedRequest } from './model.ts';
import { Patience, type RetryPolicy } from './retry.ts';
import type { Sendable } from './sendable.ts';

export type Signed = Pick<SignedRequest, 'url' | 'headers' | 'expiresAt'>;

export interface SendBodyOptions {
  /** Of the part; any for a body that goes whole. */
  readonly number: number;
  /** The first byte. */
  readonly from: number;
  /** Bytes. */
  readonly size: number;
  /** Another request for the same, when the one at hand has ended or is refused. */
  readonly fresh: () => Promise<Signed>;
  readonly retry: RetryPolicy;
  readonly meter: Meter;
  readonly signal: AbortSignal | undefined;
}

/** S3's codes for a body that is not the announced one. */
const OTHER_BODY = /Digest|Checksum|SHA256Mismatch/;

/**
 * Sends a whole or a part until S3 has it. Its 412 means that it has.
 * @returns whether it is this call's doing.
 * @throws what `fresh` and `put` throw, when trying again has not helped.
 */
export async function sendBody(
  source: Sendable,
  request: Signed,
  { number, from, size, fresh, retry, meter, signal }: SendBodyOptions,
): Promise<boolean> {
  const patience = new Patience(retry, signal);
  const onSent = (bytes: number): void => meter.moved(number, bytes);
  let mayBeOurs = false;
  let refreshed = false;
  for (;;) {
    try {
      await source.put(request, from, size, { signal, onSent });
      meter.finished(number, size);
      return true;
    } catch (error) {
      signal?.throwIfAborted();
      const { status, s3Code } = error instanceof S3Refusal ? error : {};
      if (status === 412) return mayBeOurs;
      meter.failed(number);
      if (s3Code && OTHER_BODY.test(s3Code)) {
        throw new FileChanged('The file changed.', { cause: error });
      }
      const isRefused: boolean = status === 403 && !refreshed;
      refreshed ||= isRefused;
      // A cut connection or a 5xx says nothing of what S3 did with the bytes.
      mayBeOurs ||= status === undefined || status >= 500;
      if (!isRefused) await patience.afterFailure(error);
      if (isRefused || hasEnded(request)) request = await fresh();
    }
  }
}

/** S3 refuses it from now on. */
export function hasEnded({ expiresAt }: Signed): boolean {
  return Date.parse(expiresAt) <= Date.now();
}
