import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { createPresigner } from '../../../src/s3/adapters/sigv4-presigner.ts';
import type { AwsCredentials } from '../../../src/s3/credentials.ts';
import { FormRefused } from '../../../src/s3/form-refused.ts';
import type { FormRequest, UrlWindow } from '../../../src/s3/port.ts';

const NOON = Date.parse('2026-11-23T12:00:00Z');
const STATIC: AwsCredentials = { accessKeyId: 'AKIA', secretAccessKey: 'secret' };
const KEY = CustomerKey.fromBytes(new Uint8Array(32).fill(7));

interface World {
  readonly credentials?: AwsCredentials;
  readonly skew?: number;
  readonly endpoint?: string;
  readonly pathStyle?: boolean;
}

function open(seconds: number, now: number, world: World = {}): Promise<UrlWindow> {
  const { credentials = STATIC, skew = 0, endpoint = 'https://127.0.0.1:9000', pathStyle = true } = world;
  return createPresigner({
    target: { publicEndpoint: new URL(endpoint), region: 'eu-central-1', pathStyle },
    credentials: async () => credentials,
    skewMs: () => skew,
  }).open(seconds, now);
}

const REQUEST: FormRequest = {
  bucket: 'b',
  objectKey: 'acme/1/ä.txt',
  fields: {
    'Content-Type': 'image/png',
    success_action_status: '201',
    ...KEY.headers(),
    'x-amz-meta-invoice': '7',
  },
  size: 12,
};

interface Policy {
  readonly expiration: string;
  readonly conditions: readonly unknown[];
}

async function form(world: World = {}, request: Partial<FormRequest> = {}, now = NOON, seconds = 60) {
  const { url, fields } = (await open(seconds, now, world)).form({ ...REQUEST, ...request });
  const policy = JSON.parse(Buffer.from(fields['Policy'] ?? '', 'base64').toString()) as Policy;
  return { url, fields, policy };
}

describe('the fields of a form', () => {
  it('are those of the request, and what S3 needs', async () => {
    const { fields } = await form();
    const { Policy: _policy, 'X-Amz-Signature': _signature, ...others } = fields;
    assert.deepEqual(others, {
      ...REQUEST.fields,
      bucket: 'b',
      key: 'acme/1/ä.txt',
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Credential': 'AKIA/20261123/eu-central-1/s3/aws4_request',
      'X-Amz-Date': '20261123T120000Z',
    });
  });

  it('are all bound by the policy exactly, as is the size', async () => {
    const { fields, policy } = await form();
    const { Policy: _policy, 'X-Amz-Signature': _signature, ...bound } = fields;
    const exact = Object.entries(bound).map(([name, value]) => ({ [name]: value }));
    const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    assert.deepEqual(
      policy.conditions.toSorted(byText),
      [['content-length-range', 12, 12], ...exact].toSorted(byText),
    );
  });

  it('have the signature that node:crypto computes', async () => {
    const { fields } = await form();
    const steps = ['20261123', 'eu-central-1', 's3', 'aws4_request', fields['Policy'] ?? ''];
    const hmac = (secret: Buffer, data: string) => createHmac('sha256', secret).update(data).digest();
    assert.equal(fields['X-Amz-Signature'], steps.reduce(hmac, Buffer.from('AWS4secret')).toString('hex'));
  });

  it('hold the session token of the window', async () => {
    const session = { ...STATIC, sessionToken: 'a+token/with=signs' };
    const { fields, policy } = await form({ credentials: session });
    assert.equal(fields['X-Amz-Security-Token'], 'a+token/with=signs');
    assert.ok(policy.conditions.some((one) => JSON.stringify(one).includes('a+token/with=signs')));
  });

  it('go to the public endpoint', async () => {
    const style = async (pathStyle: boolean) =>
      (await form({ endpoint: 'https://s3.example.com/under', pathStyle })).url;
    assert.equal(await style(true), 'https://s3.example.com/under/b/');
    assert.equal(await style(false), 'https://b.s3.example.com/under/');
  });
});

describe('the life of a form', () => {
  it('ends with its window, whatever the millisecond and however late it is signed', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: NOON });
    for (const ms of [0, 1, 499, 500, 501, 998, 999]) {
      const window = await open(60, NOON + ms);
      for (const late of [0, 1, 999, 59_000]) {
        t.mock.timers.setTime(NOON + ms + late);
        const { fields } = window.form(REQUEST);
        const policy = JSON.parse(Buffer.from(fields['Policy'] ?? '', 'base64').toString()) as Policy;
        assert.equal(policy.expiration, '2026-11-23T12:01:00Z');
        assert.equal(fields['X-Amz-Date'], '20261123T120000Z');
        assert.ok(Date.parse(policy.expiration) <= window.endsAt);
        assert.equal(Date.parse(policy.expiration), window.expiresAt);
      }
      t.mock.timers.setTime(NOON);
    }
  });

  it('is signed within one second, though the clock goes on meanwhile', async (t) => {
    let ticks = 0;
    t.mock.method(Date, 'now', () => NOON + 90_000 + 200 * ticks++);
    assert.equal((await form({}, {}, NOON + 999)).policy.expiration, '2026-11-23T12:01:00Z');
  });

  it('is capped by temporary credentials', async () => {
    const credentials = { ...STATIC, sessionToken: 't', expiration: new Date(NOON + 30_900) };
    assert.equal((await form({ credentials })).policy.expiration, '2026-11-23T12:00:30Z');
  });

  it('counts by the clock of S3, as a URL does: the window knows the skew', async () => {
    for (const skew of [-5_000, 5_000]) {
      const { expiresAt, endsAt } = await open(60, NOON, { skew });
      const byOurClock = Date.parse((await form({ skew })).policy.expiration) - skew;
      assert.ok(expiresAt <= byOurClock && byOurClock <= endsAt, `skew ${skew}`);
    }
  });
});

describe('what no form is made of', () => {
  const refused = (reason: string) => (error: unknown) =>
    error instanceof FormRefused && error.reason === reason;

  for (const objectKey of ['a/${filename}', '${filename}', 'a/${filename}.txt', 'a/${filename}/b']) {
    it(`refuses the object key ${objectKey}, in which S3 would put another name`, async () => {
      await assert.rejects(form({}, { objectKey }), refused('variable'));
    });
  }

  it('refuses the variable in any field', async () => {
    const fields = { ...REQUEST.fields, 'x-amz-meta-invoice': 'a${filename}b' };
    await assert.rejects(form({}, { fields }), refused('variable'));
  });

  it('takes what only looks like it', async () => {
    const objectKey = 'a/$filename {filename} ${filename ${Filename} $';
    assert.equal((await form({}, { objectKey })).fields['key'], objectKey);
  });

  it('refuses more than 20 kB beside the file, policy included, and shows no value', async () => {
    const note = (bytes: number) => ({ fields: { ...REQUEST.fields, 'x-amz-meta-note': 'n'.repeat(bytes) } });
    assert.equal((await form({}, note(5_000))).fields['x-amz-meta-note']?.length, 5_000);
    await assert.rejects(form({}, note(7_500)), (error) => {
      assert.ok(refused('too_large')(error));
      assert.doesNotMatch(String(error), /nnn/);
      return true;
    });
  });
});
