import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { WebhookConfig } from '../../../src/config/config.ts';
import type { Resolve } from '../../../src/events/addresses.ts';
import { send, type Answer } from '../../../src/events/send.ts';
import { Secret } from '../../../src/secret.ts';
import { makeCa, type TestCa } from '../../support/ca.ts';
import { answering, hanging, startReceiver, type Receiver } from '../../support/receiver.ts';

const LOOPBACK = ['127.0.0.0/8'];
const here: Resolve = async () => [{ address: '127.0.0.1', family: 4 }];

describe('one attempt', () => {
  let dir: string;
  let ca: TestCa;
  let receiver: Receiver;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sealslot-send-'));
    ca = await makeCa(dir, { names: 'DNS:crm.example,IP:127.0.0.1' });
    receiver = await startReceiver(ca);
  });
  beforeEach(() => {
    receiver.behave = answering(204);
  });
  after(async () => {
    await receiver[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const hookAt = (url: string, changes: Partial<WebhookConfig> = {}): WebhookConfig => ({
    url: new URL(url),
    secrets: [new Secret('c2VjcmV0')],
    events: [],
    allowedAddresses: LOOPBACK,
    ca: ca.caPem,
    ...changes,
  });
  const post = (
    {
      resolve = here,
      timeoutMs = 15_000,
      ...changes
    }: Partial<WebhookConfig> & {
      resolve?: Resolve;
      timeoutMs?: number;
    } = {},
    host = 'crm.example',
  ): Promise<Answer> =>
    send(hookAt(`https://${host}:${receiver.port}/hooks?token=of-theirs`, changes), {
      ...{ headers: { 'webhook-id': 'msg_1' }, body: '{"é":1}' },
      ...{ resolve, timeoutMs },
    });

  it('is a POST with our headers and the very bytes, and verifies the name in the certificate', async () => {
    assert.deepEqual(await post(), { status: 204, retryAfterSeconds: undefined });
    const received = receiver.received.at(-1);
    assert.equal(received?.path, '/hooks?token=of-theirs');
    assert.equal(received.body, '{"é":1}');
    assert.equal(received.headers['content-type'], 'application/json');
    assert.equal(received.headers['user-agent'], 'sealslot');
    assert.equal(received.headers['content-length'], '8');
    assert.equal(received.headers['webhook-id'], 'msg_1');
    assert.equal(received.headers.connection, 'close');
    assert.match(
      failureOf(await post({}, 'other.example')),
      /certificate is not trusted \(ERR_TLS_CERT_ALTNAME/,
    );
  });

  it('trusts no unknown authority', async () => {
    const count = receiver.received.length;
    assert.match(failureOf(await post({ ca: undefined })), /certificate is not trusted/);
    assert.equal(receiver.received.length, count);
  });

  it('never follows a redirect', async () => {
    const count = receiver.received.length;
    for (const status of [301, 302, 307, 308]) {
      receiver.behave = answering(status, { location: `https://crm.example:${receiver.port}/elsewhere` });
      assert.deepEqual(await post(), { status, retryAfterSeconds: undefined });
    }
    assert.equal(receiver.received.length, count + 4);
  });

  it('has an end, whatever hangs: the look-up, the answer, or the rest of the answer', async () => {
    const timely = { failure: 'no answer in 0.1 s' };
    assert.deepEqual(await post({ timeoutMs: 100, resolve: () => new Promise(() => undefined) }), timely);
    receiver.behave = hanging;
    assert.deepEqual(await post({ timeoutMs: 100 }), timely);
    receiver.behave = (_received, response) => response.writeHead(200).write('a');
    assert.deepEqual(await post({ timeoutMs: 100 }), timely);
  });

  it('reads no more of an answer than it needs', async () => {
    let written = 0;
    receiver.behave = (_received, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384))) written += 16_384;
      };
      response.writeHead(200).on('drain', more);
      more();
    };
    assert.deepEqual(await post(), { status: 200, retryAfterSeconds: undefined });
    assert.ok(written < 16_000_000, `${written} bytes`);
  });

  it('connects to nothing that is not public, and looks a name up once', async () => {
    const connections = receiver.connections();
    const refused = { failure: 'address not public, and not in allowedAddresses' };
    assert.deepEqual(await post({ allowedAddresses: [] }), refused);
    for (const host of ['127.0.0.1', '2130706433', '[::ffff:127.0.0.1]', '0x7f.1'])
      assert.deepEqual(await post({ allowedAddresses: [] }, host), refused);
    assert.equal(receiver.connections(), connections);
    // Good at the first look, another at each later one, as a name of an attacker's is.
    let looks = 0;
    const changing: Resolve = async () => [
      { address: looks++ === 0 ? '127.0.0.1' : '169.254.169.254', family: 4 },
    ];
    assert.deepEqual(await post({ resolve: changing }), { status: 204, retryAfterSeconds: undefined });
    assert.equal(looks, 1);
    assert.deepEqual(await post({ resolve: changing }), refused);
  });

  it('understands Retry-After in seconds', async () => {
    receiver.behave = answering(503, { 'retry-after': '120' });
    assert.deepEqual(await post(), { status: 503, retryAfterSeconds: 120 });
    receiver.behave = answering(429, { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' });
    assert.deepEqual(await post(), { status: 429, retryAfterSeconds: undefined });
  });

  it('has its own words for what fails', async () => {
    const unknown: Resolve = async () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' }));
    assert.equal(failureOf(await post({ resolve: unknown })), 'its host name was not found');
    assert.equal(failureOf(await post({ resolve: async () => [] })), 'its host name was not found');
    receiver.behave = (_received, _response, request) => request.socket.destroy();
    assert.equal(failureOf(await post()), 'connection closed without an answer');
    const gone = createServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address() as { port: number };
    gone.close();
    await once(gone, 'close');
    const refused = await send(hookAt(`https://127.0.0.1:${port}/`), {
      headers: {},
      body: '',
      resolve: here,
    });
    assert.equal(failureOf(refused), 'connection refused');
  });
});

function failureOf(answer: Answer): string {
  assert.ok('failure' in answer);
  return answer.failure;
}
