import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { ClientPage, type Ask, type Failure } from './support-client.ts';
import type { Passed, TlsProxy } from './support-proxy.ts';
import { World } from './support-world.ts';

const started = await available(() => World.start());

/** What no probe may carry. */
const SECRETS = /x-amz-|authorization|idempotency|customer/i;
/** Enough for what passes to have passed. */
const FEW_TRIES = { uploader: { retry: { tries: 3, firstPauseMs: 1, longestPauseMs: 1 } } };

/** A browser hides from a page why it got no answer; the client has to find out. */
describe('a failure without a reason, in Chromium', { skip: started.skip }, () => {
  let world: World;
  before(() => {
    world = started.get();
  });
  after(() => started.stop());

  /** How an upload from there fails. */
  async function failure(origin: string, ask: Ask = FEW_TRIES): Promise<Failure> {
    world.s3.passed.length = 0;
    world.service.passed.length = 0;
    await using tab = await ClientPage.open(world, { origin });
    await tab.begin(await world.file(1000), ask);
    return await tab.error();
  }

  /** The requests that a page sends to find out. */
  const probesAt = ({ passed }: TlsProxy): Passed[] =>
    passed.filter(({ method, headers }) => method === 'GET' && headers['sec-fetch-mode'] === 'no-cors');

  function assertBare(probes: readonly Passed[]): void {
    for (const { url, headers } of probes) {
      assert.equal(url, '/');
      assert.doesNotMatch(JSON.stringify(headers), SECRETS);
      assert.equal(headers.referer, undefined);
      assert.equal(headers.cookie, undefined);
    }
  }

  for (const patience of ['usual', 'small'] as const) {
    const ask = patience === 'usual' ? {} : FEW_TRIES;
    it(`names the bucket's CORS rules, with ${patience} patience`, async () => {
      const error = await failure(world.pages.unknownToS3, ask);
      assert.deepEqual(
        [error.class, error.code, error.peer, error.likely],
        ['Unreachable', 'unreachable', 'S3', 'cors'],
      );
      assert.match(error.message, /cors check/);
      assert.ok(error.message.includes(world.pages.unknownToS3) && error.message.includes(world.s3.origin));
      assert.ok(probesAt(world.s3).length > 0);
      assertBare(probesAt(world.s3));
      // What was refused in the preflight was never sent.
      assert.equal(world.s3.passed.filter(({ method }) => method === 'PUT').length, 0);
    });

    it(`names the service's CORS rules, with ${patience} patience`, async () => {
      const error = await failure(world.pages.unknownToService, ask);
      assert.deepEqual([error.code, error.peer, error.likely], ['unreachable', 'service', 'cors']);
      assert.match(error.message, /cors\.origins/);
      assert.ok(error.message.includes(world.pages.unknownToService));
      assert.ok(probesAt(world.service).length > 0);
      assertBare(probesAt(world.service));
    });
  }

  it('names a certificate that nobody trusts', async () => {
    world.s3.present(world.untrusted);
    try {
      const error = await failure(world.pages.origin);
      assert.deepEqual([error.code, error.peer, error.likely], ['unreachable', 'S3', 'untrusted_or_down']);
      assert.match(error.message, /certificate/);
      assert.ok(error.message.includes(world.s3.origin));
    } finally {
      world.s3.present(world.trusted);
    }
  });

  it('the same of the service', async () => {
    world.service.present(world.untrusted);
    try {
      const error = await failure(world.pages.origin);
      assert.deepEqual([error.peer, error.likely], ['service', 'untrusted_or_down']);
      assert.match(error.message, /certificate/);
    } finally {
      world.service.present(world.trusted);
    }
  });

  it('says what the service said, where it may be read', async () => {
    await using tab = await ClientPage.open(world);
    await tab.begin(await world.file(1000), { options: { metadata: { 'not ok': 'x' } } });
    const error = await tab.error();
    assert.deepEqual([error.class, error.code, error.status], ['ServiceProblem', 'invalid_request', 400]);
  });
});
