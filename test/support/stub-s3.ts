import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { makeCa, type TestCa } from './ca.ts';
import { scratchFolder, TEST_CREDENTIALS, type S3Server } from './s3-server.ts';
import { Busy } from './stub-s3/busy.ts';
import type { Fault } from './stub-s3/faults.ts';
import { isForm, takeForm } from './stub-s3/form.ts';
import { Objects, type Answer } from './stub-s3/objects.ts';
import { refuse } from './stub-s3/signature.ts';
import { Uploads } from './stub-s3/uploads.ts';

export { FAULTS, type Fault } from './stub-s3/faults.ts';

/** A small S3 in memory, over TLS, for the faults that no real server can be made to show. */
export interface StubS3 extends Omit<S3Server, 'name' | 'source'> {
  /** The object keys in a bucket, one for each version and each unfinished upload. */
  objects(bucket: string): string[];
  /** How many requests came so far. */
  requests(): number;
}

export interface StubOptions {
  readonly fault?: Fault;
  /** What was asked is answered only when this has settled: an S3 that is slow, or a moment to do something in. */
  readonly before?: (request: IncomingMessage) => Promise<void> | undefined;
  /** To share one among many stubs: making it takes longest. */
  readonly ca?: TestCa;
}

interface Bucket {
  readonly objects: Objects;
  readonly uploads: Uploads;
}

const REGION = 'us-east-1';

export async function startStubS3({ fault, before, ca: given }: StubOptions = {}): Promise<StubS3> {
  const scratch = given === undefined ? await scratchFolder('stub-s3') : undefined;
  const ca = given ?? (await makeCa(scratch?.path ?? ''));
  const buckets = new Map<string, Bucket>();
  const busy = new Busy(fault);
  let requests = 0;
  const tls = { cert: await readFile(ca.certFile), key: await readFile(ca.keyFile) };
  const server = createServer(tls, (request, response) => {
    requests += 1;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    const respond = async (): Promise<void> => {
      const { status, headers, ...said } = busy.now(request)
        ? SLOW_DOWN
        : await answer(request, Buffer.concat(chunks), buckets, fault);
      const content = said.body ?? errorXml(said);
      response.writeHead(status, { 'content-length': String(Buffer.byteLength(content)), ...headers });
      response.end(request.method === 'HEAD' ? '' : content);
    };
    request.on('end', () => void Promise.resolve(before?.(request)).then(respond));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    await scratch?.remove();
  };
  return {
    endpoint: `https://localhost:${(server.address() as AddressInfo).port}`,
    caFile: ca.caFile,
    caPem: ca.caPem,
    region: REGION,
    ...TEST_CREDENTIALS,
    async createBucket(name, options) {
      const objects = new Objects(options?.versioning === true, fault);
      buckets.set(name, { objects, uploads: new Uploads(name, objects, fault) });
    },
    objects(name) {
      const { objects, uploads } = buckets.get(name) ?? {};
      return [...(objects?.list() ?? []), ...(uploads?.list() ?? [])].map(({ objectKey }) => objectKey);
    },
    requests: () => requests,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function errorXml({ code, message = 'refused' }: Omit<Answer, 'status'>): string {
  return code === undefined ? '' : `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
}

const SLOW_DOWN: Answer = { status: 503, code: 'SlowDown' };
const denied: Answer = { status: 403, code: 'AccessDenied' };

function answer(
  request: IncomingMessage,
  body: Buffer,
  buckets: ReadonlyMap<string, Bucket>,
  fault: Fault | undefined,
): Answer | Promise<Answer> {
  if (fault === 'says ok to everything') return { status: 200 };
  const url = new URL(request.url ?? '', 'https://localhost');
  const [, name = '', ...path] = decodeURIComponent(url.pathname).split('/');
  const bucket = buckets.get(name);
  if (isForm(request) && bucket !== undefined)
    return takeForm(bucket.objects, request, body, { ...TEST_CREDENTIALS, fault });
  const region = fault === 'is in another region' ? 'eu-central-1' : REGION;
  const refusal = refuse(
    request,
    { region, ...TEST_CREDENTIALS },
    { signature: ignoresSignature(url, fault), expiry: fault === 'takes expired urls' },
  );
  if (refusal !== undefined && !forAnybody(request, fault)) {
    const { region: right, ...said } = refusal;
    return { ...said, ...(right !== undefined && { headers: { 'x-amz-bucket-region': right } }) };
  }
  if (bucket === undefined) return { status: 404, code: 'NoSuchBucket' };
  const objectKey = path.join('/');
  if (objectKey === '') return ofBucket(name, bucket, url.searchParams, fault);
  const { headers, method = '' } = request;
  return (
    bucket.uploads.answer(method, objectKey, url.searchParams, { headers, body }) ??
    ofObject(bucket.objects, objectKey, request, url.searchParams, body, fault)
  );
}

function ignoresSignature({ searchParams }: URL, fault: Fault | undefined): boolean {
  return fault === 'checks no signature' || (fault === 'takes any part' && searchParams.has('partNumber'));
}

/** A request without any signature, to a bucket whose policy allows it to everybody. */
function forAnybody({ method, url = '', headers }: IncomingMessage, fault: Fault | undefined): boolean {
  if (headers.authorization !== undefined || url.includes('X-Amz-Signature=')) return false;
  if (method === 'DELETE') return fault === 'lets anybody delete';
  return method === 'PUT' ? fault === 'lets anybody write' : fault === 'lets anybody read';
}

const SETTINGS: Readonly<Record<string, (objects: Objects, fault: Fault | undefined) => Answer>> = {
  versioning: ({ versioning }) => ({
    status: 200,
    body: `<VersioningConfiguration>${versioning ? '<Status>Enabled</Status>' : ''}</VersioningConfiguration>`,
  }),
  'object-lock': (_objects, fault) =>
    fault === 'locks objects'
      ? {
          status: 200,
          body:
            '<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>' +
            '<Mode>COMPLIANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>',
        }
      : { status: 404, code: 'ObjectLockConfigurationNotFoundError' },
  lifecycle: () => ({
    status: 200,
    body:
      '<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter></Filter><AbortIncompleteMultipartUpload>' +
      '<DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>',
  }),
  encryption: (_objects, fault) => ({
    status: fault === 'hides that sse-c is blocked' ? 403 : 200,
    body:
      '<ServerSideEncryptionConfiguration><Rule><BlockedEncryptionTypes><EncryptionType>' +
      `${fault === 'has blocked sse-c' ? 'SSE-C' : 'NONE'}</EncryptionType></BlockedEncryptionTypes></Rule></ServerSideEncryptionConfiguration>`,
  }),
};

function ofBucket(
  bucket: string,
  { objects, uploads }: Bucket,
  query: URLSearchParams,
  fault: Fault | undefined,
): Answer {
  const setting = Object.keys(SETTINGS).find((name) => query.has(name));
  if (setting !== undefined)
    return fault === 'denies settings' ? denied : (SETTINGS[setting]?.(objects, fault) ?? denied);
  const found = objects.list(query.get('prefix') ?? '');
  if (query.has('versions')) {
    if (fault === 'denies versions') return denied;
    if (fault === 'has no versions') return { status: 501, code: 'NotImplemented' };
    const entries = found.map(
      ({ objectKey, id }) => `<Version><Key>${objectKey}</Key><VersionId>${id}</VersionId></Version>`,
    );
    return listing('ListVersionsResult', `<Name>${bucket}</Name>`, entries);
  }
  if (query.has('uploads'))
    return fault === 'denies uploads'
      ? denied
      : listing(
          'ListMultipartUploadsResult',
          `<Bucket>${bucket}</Bucket>`,
          uploads
            .list(query.get('prefix') ?? '')
            .map(({ objectKey, id }) => `<Upload><Key>${objectKey}</Key><UploadId>${id}</UploadId></Upload>`),
        );
  if (fault === 'denies list') return denied;
  const entries = found.map(({ objectKey }) => `<Contents><Key>${objectKey}</Key></Contents>`);
  return listing('ListBucketResult', `<Name>${bucket}</Name>`, entries);
}

function listing(tag: string, named: string, entries: readonly string[]): Answer {
  const body = `<${tag}>${named}<IsTruncated>false</IsTruncated>${entries.join('')}</${tag}>`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body };
}

function ofObject(
  objects: Objects,
  objectKey: string,
  { method, headers }: IncomingMessage,
  query: URLSearchParams,
  body: Buffer,
  fault: Fault | undefined,
): Answer {
  const writesTags = headers['x-amz-tagging'] !== undefined || query.has('tagging');
  if (method === 'PUT' && writesTags && fault === 'denies writing tags') return denied;
  if (method === 'PUT' && !query.has('tagging')) {
    if (fault === 'denies put') return denied;
    if (fault === 'has a full disk') return { status: 507, code: 'XMinioStorageFull' };
    return headers['x-amz-copy-source'] === undefined
      ? objects.put(objectKey, headers, body)
      : objects.copy(objectKey, headers);
  }
  const versionId = query.get('versionId');
  if (method === 'DELETE') return fault === 'denies delete' ? denied : objects.delete(objectKey, versionId);
  const version = objects.find(objectKey, versionId);
  if (version === undefined) return fault === 'denies list' ? denied : { status: 404, code: 'NoSuchKey' };
  if (query.has('tagging')) {
    if (fault === 'denies tagging') return denied;
    if (fault === 'denies tags of versions' && versionId !== null) return denied;
    if (method === 'PUT') return objects.tag(version, body);
    const tags = [...version.tagging].map(
      ([name, value]) => `<Tag><Key>${name}</Key><Value>${value}</Value></Tag>`,
    );
    return { status: 200, body: `<Tagging><TagSet>${tags.join('')}</TagSet></Tagging>` };
  }
  return fault === 'denies get' ? denied : objects.get(version, headers);
}
