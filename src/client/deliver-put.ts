import { FileChanged, S3Refusal } from './errors.ts';
import type { Meter } from './meter.ts';
import type { SignedRequest } from './model.ts';
import { Patience } from './retry.ts';
import type { ServiceClient } from './service.ts';
import type { Sendable } from './sendable.ts';

/** S3's codes for a body that is not the announced one. */
const OTHER_BODY = /Digest|Checksum|SHA256Mismatch/;

/** To the meter, a body that goes whole is one part. */
const WHOLE = 1;

/**
 * Sends until S3 has the object. Its 412 means that it has.
 * @returns whether it is this call's doing.
 * @throws ServiceProblem, Unreachable, S3Refusal, FileChanged or FileUnusable; an `AbortError`.
 */
export async function deliverPut(
  service: ServiceClient,
  id: string,
  first: SignedRequest,
  source: Sendable,
  { meter, signal }: { readonly meter: Meter; readonly signal: AbortSignal | undefined },
): Promise<boolean> {
  const patience = new Patience(service.retry, signal);
  let request = first;
  let mayBeOurs = false;
  let refreshed = false;
  for (;;) {
    try {
      const onSent = (bytes: number): void => meter.moved(WHOLE, bytes);
      await source.put(request, 0, source.size, { signal, onSent });
      return true;
    } catch (error) {
      signal?.throwIfAborted();
      const status = error instanceof S3Refusal ? error.status : undefined;
      if (status === 412) return mayBeOurs;
      meter.failed(WHOLE);
      if (error instanceof S3Refusal && OTHER_BODY.test(error.s3Code)) {
        throw new FileChanged('The file changed while it was sent.', { cause: error });
      }
      if (status === 403 && !refreshed) {
        refreshed = true;
        request = await fresh(service, id, signal);
        continue;
      }
      // A cut connection or a 5xx says nothing of what S3 did with the bytes.
      mayBeOurs ||= status === undefined || status >= 500;
      await patience.afterFailure(error);
      if (Date.parse(request.expiresAt) <= Date.now()) request = await fresh(service, id, signal);
    }
  }
}

async function fresh(
  service: ServiceClient,
  id: string,
  signal: AbortSignal | undefined,
): Promise<SignedRequest> {
  const { request } = await service.request(id, signal);
  if (request.method !== 'PUT') throw new Error('the service changed the method of an upload');
  return request;
}
