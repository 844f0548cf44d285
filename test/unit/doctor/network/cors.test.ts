import assert from 'node:assert/strict';
import { Agent } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { DEFAULTS } from '../../../../src/config/defaults.ts';
import { Asker } from '../../../../src/doctor/ask.ts';
import { CORS_CHECKS, examineCors } from '../../../../src/doctor/network/cors.ts';
import { createTarget } from '../../../../src/s3/adapters/target.ts';
import type { UploadMethod } from '../../../../src/uploads/upload.ts';
import { Secret } from '../../../../src/secret.ts';
import { makeCa, type TestCa } from '../../../support/ca.ts';
import { scratchFolder } from '../../../support/s3-server.ts';
import { summary } from '../findings.ts';
import { startHttps } from './local-server.ts';

const APP = 'https://app.example.com';
const SUBJECT = 'bucket uploads on main';
const PUT_HEADERS = [
  ...['content-type', 'if-none-match', 'x-amz-checksum-sha256', 'x-amz-meta-example'],
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-server-side-encryption-customer-key',
  'x-amz-server-side-encryption-customer-key-md5',
];
const GET_HEADERS = ['range', ...PUT_HEADERS.filter((name) => name.includes('customer'))];

let scratch: Awaited<ReturnType<typeof scratchFolder>>;
let ca: TestCa;
before(async () => {
  scratch = await scratchFolder('doctor-cors');
  ca = await makeCa(scratch.path);
});
after(() => scratch.remove());

interface Stub {
  readonly status?: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}
type Behaviour = (request: IncomingMessage, origin: string) => Stub;

/** A bucket with a rule as the README's, except for what `change` gives. */
const bucket =
  (change: Readonly<Record<string, string>> = {}): Behaviour =>
  ({ method }, origin) => {
    if (origin !== APP) return { status: method === 'OPTIONS' ? 403 : 404 };
    const headers = {
      'access-control-allow-origin': APP,
      'access-control-allow-methods': 'GET, PUT',
      'access-control-allow-headers': [...PUT_HEADERS, ...GET_HEADERS].join(', '),
      'access-control-expose-headers': 'ETag',
      ...change,
    };
    return { status: method === 'OPTIONS' ? 200 : 404, headers };
  };

async function examine(
  behaviour: Behaviour,
  origins: readonly string[] = [APP],
  { tagged = false, methods = ['PUT'] }: { tagged?: boolean; methods?: readonly UploadMethod[] } = {},
) {
  const seen: IncomingMessage[] = [];
  await using server = await startHttps(ca, (request, response) => {
    seen.push(request);
    const { status = 200, headers = {}, body = '' } = behaviour(request, request.headers.origin ?? '');
    response.writeHead(status, headers).end(body);
  });
  const endpoint = new URL(`https://localhost:${server.port}`);
  const target = createTarget({
    endpoint,
    publicEndpoint: endpoint,
    region: 'us-east-1',
    pathStyle: true,
    ca: ca.caPem,
    credentials: {
      kind: 'static',
      accessKeyId: 'AKIDEXAMPLE',
      secretAccessKey: new Secret('example'),
      sessionToken: undefined,
    },
    ...DEFAULTS.s3,
  });
  const agent = new Agent({ ca: ca.caPem });
  try {
    const asker = new Asker({ target, bucket: 'uploads', agent, now: Date.now });
    const examination = examineCors(asker, {
      subject: SUBJECT,
      origins,
      methods: new Set(methods),
      tagged,
    });
    const { findings, lines } = await summary(examination, CORS_CHECKS);
    for (const { subject } of findings) assert.equal(subject, SUBJECT);
    const of = (check: keyof typeof CORS_CHECKS) => findings.find((finding) => finding.check === check)!;
    return { findings, lines, seen, of };
  } finally {
    agent.destroy();
    target.close();
  }
}

describe('a bucket with the right rule', () => {
  it('is found to be right', async () => {
    const { findings, lines } = await examine(bucket());
    assert.deepEqual(lines, ['cors.put ok', 'cors.get ok', 'cors.etag ok', 'cors.others ok']);
    assert.deepEqual(
      findings.map(({ found }) => found),
      [
        `${APP} may PUT with every header of a request`,
        `${APP} may GET with the key's headers and a range`,
        `${APP} may read ETag`,
        'an origin that is not configured is refused',
      ],
    );
  });

  it('has to let tags pass where uploads carry recovery copies', async () => {
    const { lines, of } = await examine(bucket(), [APP], { tagged: true });
    assert.deepEqual(lines, ['cors.put off', 'cors.get ok', 'cors.etag ok', 'cors.others ok']);
    assert.match(of('cors.put').found, /does not allow x-amz-tagging$/);
    const headers = [...PUT_HEADERS, ...GET_HEADERS, 'x-amz-tagging'].join(', ');
    const allowing = await examine(bucket({ 'access-control-allow-headers': headers }), [APP], {
      tagged: true,
    });
    assert.equal(allowing.lines[0], 'cors.put ok');
  });

  it('is asked of forms where a tenant has them, without a header to ask for, and of PUT where one has that', async () => {
    const { lines, seen } = await examine(bucket(), [APP], { methods: ['POST'] });
    assert.deepEqual(lines, ['cors.post ok', 'cors.get ok', 'cors.etag ok', 'cors.others ok']);
    const [form] = seen.filter(({ method }) => method === 'OPTIONS');
    assert.equal(form?.headers['access-control-request-method'], 'POST');
    assert.equal(form.headers['access-control-request-headers'], undefined);
    assert.match(form.url ?? '', /^\/uploads\/?\?/);
    const refusing: Behaviour = (request, origin) =>
      request.headers['access-control-request-method'] === 'POST'
        ? { status: 403, body: '<Error><Code>AccessForbidden</Code></Error>' }
        : bucket()(request, origin);
    const { of } = await examine(refusing, [APP], { methods: ['PUT', 'POST'] });
    assert.equal(of('cors.put').outcome, 'ok');
    assert.equal(of('cors.post').found, `${APP}: the preflight for POST is answered 403 AccessForbidden`);
    assert.deepEqual(of('cors.post').off, [`forms sent by scripts at ${APP}`]);
    assert.match(of('cors.post').remedy ?? '', /"AllowedMethods":\["GET","HEAD","PUT","POST"\]/);
  });

  it('is asked as browsers ask: of an object, header names sorted, no header of the request itself', async () => {
    const { seen } = await examine(bucket());
    const preflights = seen.filter(({ method }) => method === 'OPTIONS');
    assert.deepEqual(
      preflights.map(({ headers }) => [
        headers.origin,
        headers['access-control-request-method'],
        headers['access-control-request-headers'],
      ]),
      [
        [APP, 'PUT', [...PUT_HEADERS].sort().join(',')],
        [APP, 'GET', [...GET_HEADERS].sort().join(',')],
        ['https://sealslot-doctor.invalid', 'PUT', [...PUT_HEADERS].sort().join(',')],
      ],
    );
    for (const { url = '', headers } of preflights) {
      assert.match(url, /^\/uploads\/\.sealslot-doctor\/[^/]+\?.*X-Amz-Signature=/);
      assert.equal(headers['x-amz-server-side-encryption-customer-key'], undefined);
    }
  });

  it('may say * for methods and headers, and write header names in any case', async () => {
    const stars = { 'access-control-allow-methods': '*', 'access-control-allow-headers': '*' };
    const inCapitals = {
      'access-control-allow-headers': [...PUT_HEADERS, ...GET_HEADERS].join(',').toUpperCase(),
    };
    for (const change of [stars, inCapitals, { 'access-control-expose-headers': '*' }]) {
      const { lines } = await examine(bucket(change));
      assert.deepEqual(lines, ['cors.put ok', 'cors.get ok', 'cors.etag ok', 'cors.others ok']);
    }
  });
});

describe('a browser would stop', () => {
  it('when there is no rule', async () => {
    const { of } = await examine(() => ({
      status: 403,
      body: '<Error><Code>AccessForbidden</Code></Error>',
    }));
    const { outcome, found, off, remedy } = of('cors.put');
    assert.equal(outcome, 'off');
    assert.equal(found, `${APP}: the preflight for PUT is answered 403 AccessForbidden`);
    assert.deepEqual(off, [`uploads from browsers at ${APP}`]);
    assert.match(
      remedy!,
      /^sealslot cors apply, or aws s3api put-bucket-cors --bucket uploads .*"AllowedOrigins":\["https:\/\/app/,
    );
    assert.deepEqual(of('cors.get').off, [`downloads to browsers at ${APP}`]);
    assert.match(of('cors.etag').found, /403 .* has no CORS headers/);
  });

  it('when the server knows of no CORS at all', async () => {
    const { of } = await examine(() => ({}));
    assert.equal(of('cors.put').found, `${APP}: the preflight for PUT allows no origin`);
  });

  it('when another origin is allowed, be it but for a letter or a slash', async () => {
    for (const other of ['https://app.example.org', `${APP}/`, APP.toUpperCase(), `${APP}, ${APP}`]) {
      const { of } = await examine(bucket({ 'access-control-allow-origin': other }));
      assert.equal(of('cors.put').found, `${APP}: the preflight for PUT allows only the origin ${other}`);
      assert.equal(of('cors.get').outcome, 'off');
    }
  });

  it('when PUT is not allowed, or in the wrong case; GET needs no word', async () => {
    for (const methods of ['GET', 'GET, put']) {
      const { of } = await examine(bucket({ 'access-control-allow-methods': methods }));
      assert.equal(of('cors.put').found, `${APP}: the preflight for PUT allows only ${methods}`);
      assert.equal(of('cors.get').outcome, 'ok');
    }
    const { of } = await examine(bucket({ 'access-control-allow-methods': '' }));
    assert.equal(of('cors.put').found, `${APP}: the preflight for PUT allows no method`);
  });

  for (const name of new Set([...PUT_HEADERS, ...GET_HEADERS])) {
    it(`when ${name} is not allowed`, async () => {
      const allowed = [...PUT_HEADERS, ...GET_HEADERS].filter((other) => other !== name).join(',');
      const { of } = await examine(bucket({ 'access-control-allow-headers': allowed }));
      const verdict = (method: string, headers: readonly string[]) =>
        headers.includes(name) ? `${APP}: the preflight for ${method} does not allow ${name}` : undefined;
      for (const [check, expected] of [
        ['cors.put', verdict('PUT', PUT_HEADERS)],
        ['cors.get', verdict('GET', GET_HEADERS)],
      ] as const) {
        const { outcome, found } = of(check);
        assert.equal(outcome, expected === undefined ? 'ok' : 'off');
        if (expected !== undefined) assert.equal(found, expected);
      }
    });
  }
});

describe('advice', () => {
  it('is given where ETag is not exposed', async () => {
    const { of } = await examine(bucket({ 'access-control-expose-headers': 'x-amz-version-id' }));
    assert.equal(of('cors.etag').outcome, 'note');
    assert.equal(of('cors.etag').found, `${APP} may not read ETag`);
    assert.match(of('cors.etag').remedy!, /"ExposeHeaders":\["ETag",/);
  });

  it('is given where any origin is allowed, in the words of the server at hand', async () => {
    const open: Behaviour = (request) => ({
      ...bucket({ 'access-control-allow-origin': '*' })(request, APP),
      ...(request.headers.origin === undefined && { status: 404, headers: { server: 'MinIO' } }),
    });
    const { of, findings } = await examine(open, [APP, 'https://other.example.com']);
    assert.equal(findings.filter(({ outcome }) => outcome === 'ok').length, 6);
    assert.equal(of('cors.others').outcome, 'note');
    assert.match(
      of('cors.others').remedy!,
      /MINIO_API_CORS_ALLOW_ORIGIN=https:\/\/app\.example\.com,https:\/\/other\.example\.com$/,
    );
  });

  it('is one line, and nothing is asked, when no origin is configured', async () => {
    const { findings, lines, seen } = await examine(bucket(), []);
    assert.deepEqual(lines, ['cors.put note']);
    assert.match(findings[0]!.found, /^cors\.origins is empty/);
    assert.equal(seen.length, 0);
  });
});
