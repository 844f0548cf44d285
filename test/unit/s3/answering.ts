import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'node:test';
import { inspect } from 'node:util';
import { DEFAULTS } from '../../../src/config/defaults.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { createTarget } from '../../../src/s3/adapters/target.ts';
import type { ContentLimits } from '../../../src/s3/adapters/content-clients.ts';
import type { ObjectStore, S3Target } from '../../../src/s3/port.ts';
import { Secret } from '../../../src/secret.ts';

export const KEY = CustomerKey.fromBytes(new Uint8Array(32).fill(7));
export const KEY_TEXT = KEY.bytes().toString('base64');

export interface Seen {
  readonly line: string;
  readonly headers: IncomingMessage['headers'];
}
export type Answer = (seen: Seen, response: ServerResponse) => void;

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

/** A store on a server that answers as told; `seen` lists what was asked. */
export async function store(answer: Answer): Promise<{ objects: ObjectStore; seen: Seen[] }> {
  const { target, seen } = await targetOn(answer);
  return { objects: target.objects, seen };
}

/** The same with all its ports. */
export async function targetOn(
  answer: Answer,
  limits?: ContentLimits,
): Promise<{ target: S3Target; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const one = { line: `${request.method} ${request.url}`, headers: request.headers };
    seen.push(one);
    answer(one, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(
    () => server.close(),
    () => server.closeAllConnections(),
  );
  return { target: targetAt((server.address() as AddressInfo).port, limits), seen };
}

export const storeAt = (port: number): ObjectStore => targetAt(port).objects;

function targetAt(port: number, limits?: ContentLimits): S3Target {
  const endpoint = new URL(`http://127.0.0.1:${port}`);
  const target = createTarget(
    {
      endpoint,
      publicEndpoint: endpoint,
      region: 'us-east-1',
      pathStyle: true,
      ca: undefined,
      credentials: {
        kind: 'static',
        accessKeyId: 'AKIA',
        secretAccessKey: new Secret('the-secret'),
        sessionToken: undefined,
      },
      ...DEFAULTS.s3,
    },
    limits,
  );
  closers.push(() => target.close());
  return target;
}

export const xml = (response: ServerResponse, body: string, status = 200) =>
  response.writeHead(status, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?>${body}`);
export const status =
  (code: number): Answer =>
  (_seen, response) =>
    response.writeHead(code).end();
export const error = (code: string) => `<Error><Code>${code}</Code><Message>no</Message></Error>`;
export const NO_UPLOADS = '<ListMultipartUploadsResult><Bucket>b</Bucket></ListMultipartUploadsResult>';
export const versions = (inner: string) => `<ListVersionsResult><Name>b</Name>${inner}</ListVersionsResult>`;
export const version = (key: string, id: string) =>
  `<Version><Key>${key}</Key><VersionId>${id}</VersionId></Version>`;

/** A list of these parts of the upload `u1`. */
export const partsOf = (...numbers: number[]) => listOfParts(numbers.map((n) => part(n)).join(''));
export const listOfParts = (inner: string, upload = 'u1') =>
  `<ListPartsResult><Bucket>b</Bucket><Key>k</Key><UploadId>${upload}</UploadId>${inner}</ListPartsResult>`;
export const part = (
  number: number,
  { etag = `"e${number}"`, at = '2026-01-01T00:00:00Z', more = '' } = {},
) =>
  `<Part><PartNumber>${number}</PartNumber><LastModified>${at}</LastModified><ETag>${etag}</ETag>` +
  `<Size>${number * 10}</Size>${more}</Part>`;

/** Listings answered by page markers; uploads are none unless told. */
export const listing =
  (answerVersions: Answer, uploads = NO_UPLOADS): Answer =>
  (seen, response) =>
    seen.line.includes('uploads') ? xml(response, uploads) : answerVersions(seen, response);

export async function unavailable(promise: Promise<unknown>): Promise<DependencyUnavailable> {
  const thrown: unknown = await promise.then(
    () => assert.fail('it did not throw'),
    (reason: unknown) => reason,
  );
  assert.ok(thrown instanceof DependencyUnavailable, inspect(thrown));
  assert.equal(thrown.extra['dependency'], 's3');
  assert.ok(!inspect(thrown, { depth: 20, showHidden: true }).includes(KEY_TEXT));
  return thrown;
}
