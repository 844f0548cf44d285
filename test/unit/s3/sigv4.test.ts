import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { encodeRfc3986 } from '../../../src/s3/object-url.ts';
import {
  createCanonicalRequest,
  createScope,
  createStringToSign,
  encodeParameter,
  formatDate,
  getCanonicalHeaders,
  getCanonicalQuery,
  getPresignParameters,
  getSignature,
  getSigningKey,
} from '../../../src/s3/sigv4.ts';

const VECTORS = join(import.meta.dirname, '../../vectors/sigv4');

/** S3 keeps `//`, `.` and `..`, which are parts of object keys. These six are of services that resolve them: their path is taken as given. */
const RESOLVED_BY_OTHER_SERVICES = [
  'get-relative-normalized',
  'get-relative-relative-normalized',
  'get-slash-dot-slash-normalized',
  'get-slash-normalized',
  'get-slash-pointless-dot-normalized',
  'get-slashes-normalized',
];

/** To S3 the session token is always signed. Of this case the service adds it afterwards: it is signed without. */
const TOKEN_AFTERWARDS = ['post-sts-header-after'];

interface Context {
  readonly credentials: {
    readonly access_key_id: string;
    readonly secret_access_key: string;
    readonly token?: string;
  };
  readonly expiration_in_seconds: number;
  readonly region: string;
  readonly service: string;
  readonly sign_body: boolean;
  readonly omit_session_token?: boolean;
  readonly timestamp: string;
}

function read(name: string, file: string): string {
  return readFileSync(join(VECTORS, name, file), 'utf8');
}

/** As an HTTP server reads it: lines that go on, and headers that come twice, become one value. */
function parse(text: string) {
  const [head = '', body = ''] = text.split('\n\n');
  const [first = '', ...lines] = head.replace(/\n(?=[ \t])/g, '\r').split('\n');
  const method = first.slice(0, first.indexOf(' '));
  const target = first.slice(method.length + 1, first.lastIndexOf(' '));
  const [path = '', query = ''] = target.split('?');
  const headers: Record<string, string> = {};
  for (const line of lines.filter((one) => one !== '')) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    const value = line.slice(name.length + 1);
    headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`;
  }
  return { method, path, query, headers, body };
}

function signed(name: string) {
  const request = parse(read(name, 'request.txt'));
  const context = JSON.parse(read(name, 'context.json')) as Context;
  const { region, service, credentials } = context;
  const { longDate, shortDate } = formatDate(Date.parse(context.timestamp));
  const scope = createScope(shortDate, region, service);
  const headers = getCanonicalHeaders(request.headers);
  const sessionToken = context.omit_session_token === true ? undefined : credentials.token;
  const own = getPresignParameters(
    { accessKeyId: credentials.access_key_id, ...(sessionToken !== undefined && { sessionToken }) },
    scope,
    longDate,
    context.expiration_in_seconds,
  );
  const given = request.query.split('&').filter((pair) => pair !== '');
  const query = getCanonicalQuery([
    ...own,
    encodeParameter(['X-Amz-SignedHeaders', headers.names]),
    ...given.map((pair) => {
      const [key = '', value = ''] = pair.split('=').map(decodeURIComponent);
      return encodeParameter([key, value]);
    }),
  ]);
  const path = request.path.split('/').map(encodeRfc3986).join('/');
  const resolved = read(name, 'query-canonical-request.txt').split('\n')[1] ?? '';
  const canonicalRequest = createCanonicalRequest({
    method: request.method,
    path: RESOLVED_BY_OTHER_SERVICES.includes(name) ? resolved : path,
    query,
    headers,
    payloadHash: hash('sha256', context.sign_body ? request.body : ''),
  });
  const stringToSign = createStringToSign(longDate, scope, canonicalRequest);
  const signingKey = getSigningKey(credentials.secret_access_key, shortDate, region, service);
  const signature = getSignature(signingKey, stringToSign);
  return { context, path, resolved, canonicalRequest, stringToSign, signature };
}

describe("AWS's signing test suite", () => {
  const names = readdirSync(VECTORS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

  for (const name of names) {
    it(name, () => {
      const { canonicalRequest, stringToSign, signature } = signed(name);
      assert.equal(canonicalRequest, read(name, 'query-canonical-request.txt'));
      assert.equal(stringToSign, read(name, 'query-string-to-sign.txt'));
      assert.equal(signature, read(name, 'query-signature.txt'));
    });
  }

  it('is whole, and only of the cases named above is anything done as S3 does not', () => {
    assert.equal(names.length, 38);
    assert.deepEqual(
      names.filter((name) => signed(name).path !== signed(name).resolved),
      RESOLVED_BY_OTHER_SERVICES,
    );
    assert.deepEqual(
      names.filter((name) => signed(name).context.omit_session_token === true),
      TOKEN_AFTERWARDS,
    );
  });
});

describe('the steps', () => {
  it('count in whole seconds of UTC', () => {
    const last = Date.parse('2026-02-28T23:59:59.999Z');
    assert.deepEqual(formatDate(last), { longDate: '20260228T235959Z', shortDate: '20260228' });
    assert.deepEqual(formatDate(last + 1), { longDate: '20260301T000000Z', shortDate: '20260301' });
  });

  it('sort a query by name, not by name and value', () => {
    const query = { a: '1', 'a-b': '2', B: '3', 'a.c': '4', ä: '5' };
    assert.equal(
      getCanonicalQuery(Object.entries(query).map(encodeParameter)),
      '%C3%A4=5&B=3&a=1&a-b=2&a.c=4',
    );
  });

  it('take white space from around values, and make one space of what is within', () => {
    const { lines } = getCanonicalHeaders({ b: ' \t x \t\r\n y\u00a0 ', a: '', c: 'one two' });
    assert.equal(lines, 'a:\nb:x y\u00a0\nc:one two\n');
  });

  it('show no signing key', () => {
    const signingKey = getSigningKey('secret', '20260228', 'r', 's3');
    assert.doesNotMatch(JSON.stringify(signingKey), /data|[0-9a-f]{32}/);
  });
});
