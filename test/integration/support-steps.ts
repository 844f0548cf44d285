import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { sendByFetch, type WireRequest } from './support-clients.ts';
import { randomBody, type Service, type Slot } from './support-service.ts';

export async function put(slot: Slot, body: Buffer): Promise<number> {
  const { method, url, headers } = slot.request;
  return (await sendByFetch({ method, url, headers, body })).status;
}

export async function download(service: Service, slot: Slot): Promise<Buffer> {
  const answer = await service.post(`/${slot.id}/download`);
  assert.equal(answer.status, 200, answer.text);
  const { method, url, headers } = answer.body as WireRequest;
  const { status, body } = await sendByFetch({ method, url, headers });
  assert.equal(status, 200);
  return body;
}

export const idsIn = ({ body }: { body: { uploads: { id: string }[] } }): string[] =>
  body.uploads.map(({ id }) => id);

export const remains = (service: Service, { bucket, objectKey }: Slot) =>
  service.direct.objects.remains(bucket, objectKey);

/** A newer version under the same key, as only someone with S3 credentials can make it. */
export async function overwrite(service: Service, { id, bucket, objectKey }: Slot): Promise<void> {
  const window = await service.direct.presigner.open(60, Date.now());
  const headers = { ...(await service.harness.customerKey('acme', id)).headers() };
  const url = window.sign({ method: 'PUT', bucket, objectKey, headers });
  assert.equal((await sendByFetch({ method: 'PUT', url, headers, body: randomBody() })).status, 200);
}

/** Adds a delete marker where there are versions, and an unfinished multipart upload. @returns how many versions and markers there are. */
export async function leaveMore(
  service: Service,
  { bucket, objectKey }: Slot,
  versioning: boolean,
): Promise<number> {
  const window = await service.direct.presigner.open(60, Date.now());
  const url = window.sign({
    method: 'POST',
    bucket,
    objectKey,
    headers: {},
    query: { uploads: '' },
  });
  assert.equal((await sendByFetch({ method: 'POST', url, headers: {} })).status, 200);
  assert.equal((await service.direct.objects.remains(bucket, objectKey)).multipartUploadIds.length, 1);
  if (!versioning) return 1;
  await service.direct.objects.remove(bucket, objectKey, {
    versions: [{ versionId: null }],
    multipartUploadIds: [],
  });
  return 3;
}

/** Sends head and first part. `100 Continue` says that S3 has checked the signature and begun to read. */
export async function beginPut(
  slot: Slot,
  size: number,
  first: Buffer,
): Promise<{ finish(rest: Buffer): Promise<number> }> {
  const { url, headers } = slot.request;
  const length = { 'content-length': String(size), expect: '100-continue' };
  const call = httpsRequest(url, { method: 'PUT', agent: false, headers: { ...headers, ...length } });
  const answered = once(call, 'response') as Promise<[IncomingMessage]>;
  answered.catch(() => undefined);
  // `answered` tells; who has answered may still hang up.
  call.on('error', () => undefined);
  call.flushHeaders();
  await Promise.race([
    once(call, 'continue'),
    answered.then(([{ statusCode }]) => Promise.reject(new Error(`S3 answered ${statusCode}`))),
  ]);
  call.write(first);
  return {
    async finish(rest) {
      call.end(rest);
      const [response] = await answered;
      response.resume();
      return response.statusCode ?? 0;
    },
  };
}
