import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, it, mock } from 'node:test';
import { inspect } from 'node:util';
import { awsKmsWrapper } from '../../../src/custody/adapters/aws-kms.ts';
import { SdkFailure } from '../../../src/aws/sdk-failure.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { KeyRefused } from '../../../src/custody/errors.ts';
import type { KeyPlace, KeyWrapper, WrappedKey } from '../../../src/custody/port.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { KEY_ARN, fakeKms, fakeKmsConfig, kmsError, type Reply } from '../../support/fake-kms.ts';

const PLACE: KeyPlace = {
  purpose: 'object',
  tenant: 'acme',
  bucket: 'b',
  objectKey: 'acme/s1',
  slot: 's1',
  generation: 1,
};
const KEY = CustomerKey.generate();
const KEY_FORMS = (['base64', 'base64url', 'hex', 'latin1'] as const).map((form) =>
  KEY.bytes().toString(form),
);
const BASE64 = KEY.bytes().toString('base64');

const turn = () => new Promise<false>((resolve) => setImmediate(resolve, false));

const closers: (() => void)[] = [];
afterEach(() => {
  mock.timers.reset();
  closers.splice(0).forEach((close) => close());
});

/** A wrapper that has wrapped a key, and from then on hears only `reply`. */
async function hearing(reply: () => Reply) {
  const kms = fakeKms();
  const wrapper = await awsKmsWrapper({
    id: 'kms',
    config: fakeKmsConfig(),
    requestHandler: kms.handler,
  });
  closers.push(() => wrapper.close());
  const wrapped = await wrapper.wrap(KEY, PLACE);
  kms.asked.length = 0;
  kms.answer = reply;
  return { kms, wrapper, wrapped };
}

const CALLS = {
  wrap: (wrapper: KeyWrapper) => wrapper.wrap(KEY, PLACE),
  unwrap: (wrapper: KeyWrapper, wrapped: WrappedKey) => wrapper.unwrap(wrapped, PLACE),
  rewrap: (wrapper: KeyWrapper, wrapped: WrappedKey) => wrapper.rewrap(wrapped, PLACE),
};

/** What is thrown; nothing of the key may be in it. */
async function thrownBy(promise: Promise<unknown>): Promise<Error> {
  const thrown: unknown = await promise.then(
    () => assert.fail('it did not throw'),
    (reason: unknown) => reason,
  );
  assert.ok(thrown instanceof Error);
  const shown = inspect(thrown, { depth: Infinity, showHidden: true });
  for (const form of KEY_FORMS) assert.ok(!shown.includes(form), shown);
  assert.ok(!shown.includes('$metadata') && !shown.includes('$response'), shown);
  return thrown;
}

const REFUSALS = {
  AccessDeniedException: 'access_denied',
  UnrecognizedClientException: 'access_denied',
  InvalidSignatureException: 'access_denied',
  IncompleteSignatureException: 'access_denied',
  MissingAuthenticationTokenException: 'access_denied',
  DisabledException: 'kek_disabled',
  KMSInvalidStateException: 'kek_disabled',
  NotFoundException: 'kek_not_found',
  InvalidCiphertextException: 'not_authentic',
  IncorrectKeyException: 'not_authentic',
  InvalidKeyUsageException: 'kek_unfit',
  UnsupportedOperationException: 'kek_unfit',
  ValidationException: 'wrong_form',
};

describe('AWS KMS says no', () => {
  for (const [name, refusal] of Object.entries(REFUSALS)) {
    it(`${name} is ${refusal}, and not asked again`, async () => {
      for (const call of Object.values(CALLS)) {
        const { kms, wrapper, wrapped } = await hearing(() => kmsError(name, 400, 'so it is'));
        const thrown = await thrownBy(call(wrapper, wrapped));
        assert.ok(thrown instanceof KeyRefused, inspect(thrown));
        assert.equal(thrown.refusal, refusal);
        assert.ok(thrown.cause instanceof SdkFailure);
        assert.equal(thrown.cause.code, name);
        assert.equal(thrown.cause.status, 400);
        assert.ok(thrown.message.startsWith(`custody.wrappers.kms (${KEY_ARN}): `), thrown.message);
        assert.match(thrown.cause.message, /so it is/);
        assert.equal(kms.asked.length, 1);
      }
    });
  }

  for (const words of ['is pending deletion.', 'is pending replica deletion.']) {
    it(`"${words}" is kek_pending_deletion`, async () => {
      const { wrapper } = await hearing(() =>
        kmsError('KMSInvalidStateException', 400, `${KEY_ARN} ${words}`),
      );
      const thrown = await thrownBy(wrapper.wrap(KEY, PLACE));
      assert.ok(thrown instanceof KeyRefused);
      assert.equal(thrown.refusal, 'kek_pending_deletion');
    });
  }
});

const LATER: readonly (readonly [name: string, status: number, attempts: number])[] = [
  ['ThrottlingException', 400, 3],
  ['LimitExceededException', 400, 3],
  ['RequestLimitExceeded', 400, 3],
  ['KMSInternalException', 500, 3],
  ['DependencyTimeoutException', 503, 3],
  ['KeyUnavailableException', 500, 3],
  ['ServiceUnavailable', 503, 3],
  ['ExpiredTokenException', 400, 1],
  ['RequestExpired', 400, 1],
  ['NewNameException', 400, 1],
];

// At once: between attempts the SDK waits, at random.
describe('AWS KMS says "later"', { concurrency: true }, () => {
  for (const [name, status, attempts] of LATER) {
    it(`by ${name}, after ${attempts} of 3 attempts`, async () => {
      const { kms, wrapper, wrapped } = await hearing(() => kmsError(name, status));
      const thrown = await thrownBy(wrapper.unwrap(wrapped, PLACE));
      assert.ok(thrown instanceof DependencyUnavailable, inspect(thrown));
      assert.equal(thrown.extra['dependency'], 'custody');
      assert.ok(thrown.cause instanceof SdkFailure);
      assert.equal(thrown.cause.code, name);
      assert.ok(thrown.cause.message.startsWith(`custody.wrappers.kms (${KEY_ARN}): `));
      assert.equal(thrown.message, new DependencyUnavailable('custody', undefined).message);
      assert.equal(kms.asked.length, attempts);
    });
  }

  it('by an attempt, and answers the next', async () => {
    const { kms, wrapper, wrapped } = await hearing(() => kmsError('KMSInternalException', 500));
    const says = kms.answer;
    kms.answer = (asked) => (kms.asked.length === 1 ? says?.(asked) : undefined);
    assert.ok((await wrapper.unwrap(wrapped, PLACE)).equals(KEY));
  });
});

const GARBAGE: Readonly<Record<string, () => Reply>> = {
  'no answer': () => Object.assign(new Error(''), { code: 'ECONNREFUSED' }),
  'a broken connection': () => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }),
  'half an answer': () => ({ body: `{"KeyId":"${KEY_ARN}","Plaintext":"${BASE64}` }),
  'an answer of another form': () => ({ body: `${BASE64} is the key` }),
  'an answer without what was asked for': () => ({ body: { KeyId: KEY_ARN } }),
  'an error of another form': () => ({ status: 502, body: `<html>${BASE64}</html>` }),
  'a refusal by something in between': () => ({ status: 403, body: `<html>${BASE64}</html>` }),
};

describe('AWS KMS and what is no answer of its', () => {
  for (const [what, reply] of Object.entries(GARBAGE)) {
    it(`means "later": ${what}`, async () => {
      for (const call of Object.values(CALLS)) {
        const { wrapper, wrapped } = await hearing(reply);
        const thrown = await thrownBy(call(wrapper, wrapped));
        assert.ok(thrown instanceof DependencyUnavailable, inspect(thrown));
      }
    });
  }

  it('gives up an answer after 64 KiB', async () => {
    let sent = 0;
    const endless = function* () {
      for (;;) {
        sent += 1024;
        yield Buffer.alloc(1024, ' ');
      }
    };
    const { kms, wrapper, wrapped } = await hearing(() => ({ body: Readable.from(endless()) }));
    assert.ok((await thrownBy(wrapper.unwrap(wrapped, PLACE))) instanceof DependencyUnavailable);
    assert.equal(kms.asked.length, 1);
    assert.ok(sent < 256 * 1024, String(sent));
  });

  it('gives up an answer that stops in its middle', async () => {
    const body = new Readable({ read: () => undefined });
    body.push(`{"KeyId":"${KEY_ARN}","Plaintext":"${BASE64}`);
    const { wrapper, wrapped } = await hearing(() => ({ body }));
    mock.timers.enable({ apis: ['setTimeout'] });
    const thrown = thrownBy(wrapper.unwrap(wrapped, PLACE));
    while (!body.destroyed) {
      await turn();
      mock.timers.tick(1_000);
    }
    assert.ok((await thrown) instanceof DependencyUnavailable);
  });

  it('gives up a server that takes the call and never answers', async () => {
    let begun = 0;
    const server = createServer(() => (begun += 1)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const endpoint = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    mock.timers.enable({ apis: ['setTimeout'] });
    const opening = awsKmsWrapper({ id: 'kms', config: fakeKmsConfig({ endpoint }) });
    const opened = opening.then(() => true);
    while (!(await Promise.race([opened, turn()]))) {
      if (begun > 0) mock.timers.tick(500);
    }
    assert.equal(begun, 2, 'a third attempt would be later than the configured time');
    (await opening).close();
  });

  it('means "later" when no credentials are to be had', async (test) => {
    const before = process.env;
    test.after(() => (process.env = before));
    process.env = {
      AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
      AWS_CONFIG_FILE: '/nowhere',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const kms = fakeKms();
    const config = fakeKmsConfig({ credentials: { kind: 'default' } });
    const wrapper = await awsKmsWrapper({ id: 'kms', config, requestHandler: kms.handler });
    const thrown = await thrownBy(wrapper.wrap(KEY, PLACE));
    assert.ok(thrown instanceof DependencyUnavailable, inspect(thrown));
    assert.deepEqual(kms.asked, []);
    wrapper.close();
  });
});
