import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CopyObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { available } from '../support/available.ts';
import type { Available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { credentialsWith } from '../support/minio-session.ts';
import type { SessionCredentials } from '../support/minio-session.ts';
import type { S3Server } from '../support/s3-server.ts';
import { startSeaweedfs } from '../support/seaweedfs.ts';
import { startService } from '../support/service.ts';
import type { Service } from '../support/service.ts';
import { sendByFetch, trust } from './support-clients.ts';
import { codeOf } from './support-multipart-world.ts';

// A client adds `x-amz-copy-source`, which nobody signed, to the PUT that it was given. AWS demands that every x-amz- header be signed.

/** In a bucket that no tenant has, and as long as what the clients announce. */
const OTHERS = Buffer.from('the object of somebody else\n');
const OWN = Buffer.from('what was announced, no more\n');
const SOURCE = '/others/secret.txt';
/** With the signed type in place of the source's, so that `complete` finds nothing wrong. */
const STOLEN = { 'x-amz-copy-source': SOURCE, 'x-amz-metadata-directive': 'REPLACE' };

interface Sendable {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface Slot {
  readonly id: string;
  readonly request: Sendable;
}

assert.equal(OTHERS.length, OWN.length);

async function issue(service: Service, method: 'PUT' | 'multipart'): Promise<Slot> {
  const body = { method, contentType: 'text/plain', size: OWN.length };
  const answer = await service.call('POST', '/v1/uploads', { body });
  assert.equal(answer.status, 201);
  return answer.body as Slot;
}

async function part(service: Service, { id }: Slot): Promise<Sendable> {
  const answer = await service.call('POST', `/v1/uploads/${id}/parts`, { body: { partNumbers: [1] } });
  assert.equal(answer.status, 200);
  return (answer.body as { parts: [Sendable] }).parts[0];
}

async function send({ url, headers }: Sendable, more = {}): Promise<{ status: number; code: string }> {
  const { status, body } = await sendByFetch({
    method: 'PUT',
    url,
    headers: { ...headers, ...more },
    body: OWN,
  });
  return { status, code: codeOf(body) };
}

const complete = (service: Service, { id }: Slot) => service.call('POST', `/v1/uploads/${id}/complete`);

/** What a reader is given. */
async function download(service: Service, { id }: Slot) {
  const asked = await service.call('POST', `/v1/uploads/${id}/download`);
  const { status, body } = await sendByFetch({ method: 'GET', ...(asked.body as Sendable) });
  return { status, body: body.toString() };
}

async function startWith(s3: S3Server, uploadCredentials?: SessionCredentials): Promise<Service> {
  const tenant = 'methods: [PUT, multipart]';
  return startService({ s3, tenant, ...(uploadCredentials && { uploadCredentials }) });
}

/** Buckets, the object of somebody else, and proof that it can be copied by whoever signs for it. */
async function prepare(s3: S3Server): Promise<void> {
  trust(s3.caPem);
  for (const bucket of ['uploads', 'others']) await s3.createBucket(bucket);
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const client = new S3Client({
    ...{ endpoint, region, forcePathStyle: true },
    credentials: { accessKeyId, secretAccessKey },
  });
  await client.send(new PutObjectCommand({ Bucket: 'others', Key: 'secret.txt', Body: OTHERS }));
  await client.send(new CopyObjectCommand({ Bucket: 'others', Key: 'copy.txt', CopySource: SOURCE }));
  client.destroy();
}

function refusing(
  name: string,
  backend: Available<S3Server>,
  refusal: { status: number; code: string },
  start: (s3: S3Server) => Promise<Service>,
): void {
  describe(`an upload turned into a copy: ${name}`, { skip: backend.skip }, () => {
    let service: Service;
    before(async () => (service = await start(backend.get())));
    after(() => service[Symbol.asyncDispose]());

    it('PUT: refused before and after the upload, which goes on as ever', async () => {
      const slot = await issue(service, 'PUT');
      assert.deepEqual(await send(slot.request, STOLEN), refusal);
      assert.equal((await complete(service, slot)).status, 409);
      assert.equal((await send(slot.request)).status, 200);
      assert.equal((await send(slot.request)).status, 412);
      assert.equal((await complete(service, slot)).status, 200);
      assert.deepEqual(await send(slot.request, STOLEN), refusal);
      assert.deepEqual(await download(service, slot), { status: 200, body: OWN.toString() });
    });

    it('PUT of a request given again: refused', async () => {
      const { id } = await issue(service, 'PUT');
      const again = (await service.call('POST', `/v1/uploads/${id}/request`)).body as Slot;
      assert.deepEqual(await send(again.request, STOLEN), refusal);
      assert.equal((await send(again.request)).status, 200);
    });

    it('part: refused, and the upload goes on as ever', async () => {
      const slot = await issue(service, 'multipart');
      const asked = await part(service, slot);
      assert.deepEqual(await send(asked, STOLEN), refusal);
      assert.equal((await send(asked)).status, 200);
      assert.equal((await complete(service, slot)).status, 200);
      assert.deepEqual(await download(service, slot), { status: 200, body: OWN.toString() });
    });
  });
}

const minio = await available(() => startMinio());
const seaweedfs = await available(() => startSeaweedfs());
for (const backend of [minio, seaweedfs]) if (backend.skip === false) await prepare(backend.get());
after(() => Promise.all([minio.stop(), seaweedfs.stop()]));

refusing(
  'MinIO, upload credentials that may s3:PutObject only',
  minio,
  { status: 403, code: 'AccessDenied' },
  async (s3) => startWith(s3, await credentialsWith(s3, 's3:PutObject')),
);
refusing('SeaweedFS', seaweedfs, { status: 403, code: 'SignatureDoesNotMatch' }, (s3) => startWith(s3));

describe('an upload turned into a copy: MinIO, uploads signed by who may read', { skip: minio.skip }, () => {
  let service: Service;
  before(async () => (service = await startWith(minio.get())));
  after(() => service[Symbol.asyncDispose]());

  it('PUT: gives its sender the object of somebody else', async () => {
    const slot = await issue(service, 'PUT');
    assert.equal((await send(slot.request, STOLEN)).status, 200);
    assert.equal((await complete(service, slot)).status, 200);
    assert.deepEqual(await download(service, slot), { status: 200, body: OTHERS.toString() });
  });

  it('PUT: takes away what was verified, whatever if-none-match says', async () => {
    const slot = await issue(service, 'PUT');
    assert.equal((await send(slot.request)).status, 200);
    assert.equal((await complete(service, slot)).status, 200);
    assert.equal((await send(slot.request, STOLEN)).status, 200);
    assert.notEqual((await download(service, slot)).body, OWN.toString());
  });

  it('part: gives its sender the object of somebody else', async () => {
    const slot = await issue(service, 'multipart');
    assert.equal((await send(await part(service, slot), STOLEN)).status, 200);
    assert.equal((await complete(service, slot)).status, 200);
    assert.deepEqual(await download(service, slot), { status: 200, body: OTHERS.toString() });
  });
});
