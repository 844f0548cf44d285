import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { createPresigner } from '../../../src/s3/adapters/sigv4-presigner.ts';
import type { AwsCredentials, CredentialProvider } from '../../../src/s3/credentials.ts';

const NOON = Date.parse('2026-11-23T12:00:00Z');
const KEY = CustomerKey.fromBytes(new Uint8Array(32).fill(7));
const STATIC: AwsCredentials = { accessKeyId: 'AKIA', secretAccessKey: 'secret' };

function presigner(credentials: AwsCredentials | CredentialProvider = STATIC, skew = 0) {
  return createPresigner({
    target: { publicEndpoint: new URL('https://127.0.0.1:9000'), region: 'eu-central-1', pathStyle: true },
    credentials: typeof credentials === 'function' ? credentials : async () => credentials,
    skewMs: () => skew,
  });
}

function temporary(secondsLeft: number, name = 'ASIA'): AwsCredentials {
  return {
    accessKeyId: name,
    secretAccessKey: 'secret',
    sessionToken: 'a+token/with=signs',
    expiration: new Date(NOON + secondsLeft * 1000),
  };
}

async function query(secondsLeft: AwsCredentials, headers: Record<string, string>, method: 'GET' | 'PUT') {
  const window = await presigner(secondsLeft).open(60, NOON);
  return new URL(window.sign({ method, bucket: 'b', objectKey: 'k', headers })).searchParams;
}

const QUERY = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-Signature',
  'X-Amz-SignedHeaders',
];
const PUT_HEADERS = {
  'content-type': 'image/png',
  'content-length': '12',
  'if-none-match': '*',
  'x-amz-checksum-sha256': 'Xr4ilOzQ4PCOq3aQ0qbuaQ==',
  'x-amz-meta-invoice': '7',
  'x-amz-tagging': 'a=b',
  'cache-control': 'no-store',
  ...KEY.headers(),
};

describe("AWS's published example", () => {
  it('gets the published signature', async () => {
    const example = createPresigner({
      target: {
        publicEndpoint: new URL('https://s3.amazonaws.com'),
        region: 'us-east-1',
        pathStyle: false,
      },
      credentials: async () => ({
        accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
        secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
      }),
      skewMs: () => 0,
    });
    const window = await example.open(86_400, Date.parse('2013-05-24T00:00:00Z'));
    const url = window.sign({
      method: 'GET',
      bucket: 'examplebucket',
      objectKey: 'test.txt',
      headers: {},
    });
    assert.equal(
      url,
      'https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256' +
        '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z' +
        '&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
        '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
    );
  });
});

describe('what is signed', () => {
  it('signs every header of a PUT and hoists none', async () => {
    const params = await query(STATIC, PUT_HEADERS, 'PUT');
    assert.equal(
      params.get('X-Amz-SignedHeaders'),
      'cache-control;content-length;content-type;host;if-none-match;x-amz-checksum-sha256;x-amz-meta-invoice;' +
        'x-amz-server-side-encryption-customer-algorithm;x-amz-server-side-encryption-customer-key;' +
        'x-amz-server-side-encryption-customer-key-md5;x-amz-tagging',
    );
    assert.deepEqual([...params.keys()].sort(), QUERY);
  });

  it('signs every header of a GET and hoists none', async () => {
    const params = await query(STATIC, { ...KEY.headers(), range: 'bytes=0-9' }, 'GET');
    assert.equal(
      params.get('X-Amz-SignedHeaders'),
      'host;range;x-amz-server-side-encryption-customer-algorithm;x-amz-server-side-encryption-customer-key;' +
        'x-amz-server-side-encryption-customer-key-md5',
    );
    assert.deepEqual([...params.keys()].sort(), QUERY);
  });

  it('adds the session token, and further query parameters as given', async () => {
    const window = await presigner(temporary(3_600)).open(60, NOON);
    const request = { method: 'GET', bucket: 'b', objectKey: 'k', headers: {} } as const;
    const params = new URL(
      window.sign({
        ...request,
        query: { versionId: 'v1', 'response-content-type': 'text/plain; charset=utf-8' },
      }),
    ).searchParams;
    assert.deepEqual(
      [...params.keys()].sort(),
      [...QUERY, 'X-Amz-Security-Token', 'response-content-type', 'versionId'].sort(),
    );
    assert.equal(params.get('X-Amz-Security-Token'), 'a+token/with=signs');
    assert.equal(params.get('response-content-type'), 'text/plain; charset=utf-8');
    const other = new URL(window.sign({ ...request, query: { versionId: 'v2' } })).searchParams;
    assert.notEqual(other.get('X-Amz-Signature'), params.get('X-Amz-Signature'));
  });

  for (const name of Object.keys(PUT_HEADERS)) {
    it(`binds the value of ${name}`, async () => {
      const before = await query(STATIC, PUT_HEADERS, 'PUT');
      const after = await query(STATIC, { ...PUT_HEADERS, [name]: 'other' }, 'PUT');
      assert.notEqual(after.get('X-Amz-Signature'), before.get('X-Amz-Signature'));
    });
  }

  it('leaves the headers it was given alone', async () => {
    const headers = Object.freeze({ ...PUT_HEADERS });
    await query(STATIC, headers, 'PUT');
    assert.deepEqual(headers, PUT_HEADERS);
  });
});

describe('the life of a URL', () => {
  const expires = async (credentials: AwsCredentials | CredentialProvider, seconds = 3_600, skew = 0) => {
    const window = await presigner(credentials, skew).open(seconds, NOON);
    const url = window.sign({ method: 'GET', bucket: 'b', objectKey: 'k', headers: {} });
    const granted = Number(new URL(url).searchParams.get('X-Amz-Expires'));
    return { granted, expiresAt: window.expiresAt - NOON, endsAt: window.endsAt - NOON };
  };

  it('is what was asked with lasting credentials', async () => {
    assert.deepEqual(await expires(STATIC, 60), { granted: 60, expiresAt: 60_000, endsAt: 60_000 });
    assert.equal((await expires(STATIC, 604_800)).granted, 604_800);
  });

  it('counts from the signing date, which has whole seconds', async () => {
    const window = await presigner().open(60, NOON + 999);
    assert.equal(window.expiresAt, NOON + 60_000);
    assert.equal(window.endsAt, NOON + 60_999);
  });

  it('is capped by temporary credentials that no refresh makes longer', async () => {
    assert.deepEqual(await expires(temporary(100.9)), { granted: 100, expiresAt: 100_000, endsAt: 100_000 });
  });

  it('refreshes credentials that are too short, and uses the new ones', async () => {
    const asked: unknown[] = [];
    const provider: CredentialProvider = async (options) => {
      asked.push(options);
      return options?.forceRefresh ? temporary(7_200, 'NEW') : temporary(100, 'OLD');
    };
    const window = await presigner(provider).open(3_600, NOON);
    const url = window.sign({ method: 'GET', bucket: 'b', objectKey: 'k', headers: {} });
    assert.match(url, /X-Amz-Credential=NEW%2F/);
    assert.match(url, /X-Amz-Expires=3600&/);
    assert.deepEqual(asked, [undefined, { forceRefresh: true }]);
  });

  it('does not refresh credentials that last', async () => {
    const asked: unknown[] = [];
    await expires(async (options) => {
      asked.push(options);
      return temporary(3_600);
    });
    assert.deepEqual(asked, [undefined]);
  });

  it('refreshes once for many URLs that outlive any session', async () => {
    let refreshes = 0;
    const provider: CredentialProvider = async (options) => {
      if (options?.forceRefresh) refreshes += 1;
      return temporary(1_800);
    };
    const one = presigner(provider);
    await Promise.all([one.open(3_600, NOON), one.open(3_600, NOON), one.open(3_600, NOON + 1_000)]);
    assert.equal(refreshes, 1);
    await one.open(3_600, NOON + 60_000);
    assert.equal(refreshes, 2);
  });

  it('keeps what it has when the refresh fails', async () => {
    const provider: CredentialProvider = async (options) => {
      if (options?.forceRefresh) throw new Error('STS is away');
      return temporary(100);
    };
    assert.equal((await expires(provider)).granted, 100);
  });

  it('promises less when S3 is ahead, and remembers more when S3 is behind', async () => {
    assert.deepEqual(await expires(STATIC, 60, 5_000), { granted: 60, expiresAt: 55_000, endsAt: 60_000 });
    assert.deepEqual(await expires(STATIC, 60, -5_000), { granted: 60, expiresAt: 60_000, endsAt: 65_000 });
  });

  it('hands out no URL that S3 would already take as ended', async () => {
    await assert.rejects(expires(STATIC, 60, 60_000), DependencyUnavailable);
  });

  it('signs with the credentials of its opening, whatever comes after', async () => {
    let current = temporary(7_200, 'FIRST');
    const window = await presigner(async () => current).open(60, NOON);
    current = temporary(7_200, 'SECOND');
    const url = window.sign({ method: 'GET', bucket: 'b', objectKey: 'k', headers: {} });
    assert.match(url, /X-Amz-Credential=FIRST%2F/);
  });
});

describe('without usable credentials', () => {
  const noCredentials = (error: unknown) =>
    error instanceof DependencyUnavailable && error.extra['dependency'] === 'credentials';

  it('says that the credentials are missing', async () => {
    const failing: CredentialProvider = async () => Promise.reject(new Error('no role'));
    await assert.rejects(presigner(failing).open(60, NOON), noCredentials);
    await assert.rejects(presigner({ accessKeyId: '', secretAccessKey: '' }).open(60, NOON), noCredentials);
  });

  it('says so when they have ended', async () => {
    await assert.rejects(presigner(temporary(-5)).open(60, NOON), noCredentials);
    await assert.rejects(presigner(temporary(0.5)).open(60, NOON), noCredentials);
  });
});
