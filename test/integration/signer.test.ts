import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import { createPresigner } from '../../src/s3/adapters/sigv4-presigner.ts';
import { pythonVenv } from '../support/python.ts';

const COUNT = 10_000;
const ROOT = join(import.meta.dirname, '../..');

/** Deterministic: block n of SHA-256(seed, n). */
class Random {
  #block = 0;
  readonly #seed: string;

  constructor(seed: string) {
    this.#seed = seed;
  }

  bytes(): Buffer {
    this.#block += 1;
    return createHash('sha256').update(`${this.#seed} ${this.#block}`).digest();
  }

  below(limit: number): number {
    return this.bytes().readUInt32BE() % limit;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

const ENDPOINTS = [
  'https://s3.eu-central-1.amazonaws.com',
  'https://127.0.0.1:9000',
  'https://s3.example:8443',
];
const PIECES = [
  ...Array.from('abcXYZ019-_.~ +%/&=?#!\'()*;:@,"<>\\^`{|}$'),
  ...['ü', '日', '😀', '%2F', '//', '\u0301', ' ', '+'],
];

/** Up to 1,024 bytes of UTF-8, without the segments that policy forbids. */
function objectKey(random: Random): string {
  const wanted = random.pick([5, 40, 1_024]);
  let key = '';
  for (;;) {
    const longer = key + random.pick(PIECES);
    if (Buffer.byteLength(longer) > wanted) break;
    key = longer;
  }
  return key
    .split('/')
    .map((segment) => (/^\.\.?$/.test(segment) ? `${segment}_` : segment))
    .join('/');
}

function randomAsk(random: Random) {
  const method = random.pick(['GET', 'PUT'] as const);
  const pathStyle = random.below(2) === 0;
  const key = CustomerKey.fromBytes(random.bytes());
  const headers: Record<string, string> = { ...key.headers() };
  const query: Record<string, string> = {};
  if (method === 'PUT') {
    headers['content-length'] = String(random.below(2 ** 31));
    headers['content-type'] = random.pick([
      'image/png',
      'text/plain; charset=utf-8',
      'application/octet-stream',
    ]);
    headers['if-none-match'] = '*';
    if (random.below(2)) headers['x-amz-checksum-sha256'] = random.bytes().toString('base64');
    if (random.below(2)) headers['x-amz-meta-case'] = `number ${random.below(1_000)}`;
  } else {
    if (random.below(2)) headers['range'] = `bytes=0-${random.below(1_000)}`;
    if (random.below(2)) query['versionId'] = random.bytes().toString('hex');
    if (random.below(2)) query['response-content-disposition'] = "attachment; filename*=UTF-8''a%20b (1).png";
  }
  return {
    method,
    endpoint: random.pick(ENDPOINTS),
    pathStyle,
    bucket: random.pick(['uploads', 'a-bucket-7']),
    objectKey: objectKey(random),
    headers,
    query,
    region: random.pick(['us-east-1', 'eu-central-1']),
    accessKeyId: `AKIA${random.bytes().toString('hex').slice(0, 16).toUpperCase()}`,
    secretAccessKey: random.bytes().toString('base64'),
    sessionToken: random.below(2) ? random.bytes().toString('base64') : null,
    expires: 1 + random.below(604_800),
    now: 1_000 * (1_400_000_000 + random.below(600_000_000)),
  };
}

async function ours(ask: ReturnType<typeof randomAsk>): Promise<string> {
  const { accessKeyId, secretAccessKey, sessionToken } = ask;
  const presigner = createPresigner({
    target: { publicEndpoint: new URL(ask.endpoint), region: ask.region, pathStyle: ask.pathStyle },
    credentials: async () => ({
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== null && { sessionToken }),
    }),
    skewMs: () => 0,
  });
  return (await presigner.open(ask.expires, ask.now)).sign(ask);
}

async function botocore(asks: readonly unknown[]): Promise<string[]> {
  const bin = await pythonVenv('botocore', join(ROOT, 'test/support/requirements-botocore.txt'));
  const child = spawn(join(bin, 'python'), [join(ROOT, 'test/vectors/botocore_sign.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  child.stdin.end(asks.map((ask) => `${JSON.stringify(ask)}\n`).join(''));
  const output = await text(child.stdout);
  assert.deepEqual(await exit, [0, null]);
  return output.trimEnd().split('\n');
}

/** Host, path and every query parameter: the order of the parameters is free. */
function parts(url: string) {
  const [location, query = ''] = url.split('?');
  return { location, query: query.split('&').sort() };
}

describe('the signer against botocore', () => {
  it(`makes the same ${COUNT} URLs, signatures included`, async () => {
    const random = new Random('sealslot signer 1');
    const asks = Array.from({ length: COUNT }, () => randomAsk(random));
    const theirs = await botocore(asks);
    let equal = 0;
    for (const [index, ask] of asks.entries()) {
      assert.deepEqual(parts(await ours(ask)), parts(theirs[index] ?? ''), `request ${index}`);
      equal += 1;
    }
    assert.equal(equal, 10_000);
    assert.equal(new Set(theirs).size, 10_000);
    assert.ok(asks.some((ask) => Buffer.byteLength(ask.objectKey) === 1_024));
  });
});
