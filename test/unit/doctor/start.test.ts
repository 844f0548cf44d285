import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { after, afterEach, describe, it, mock } from 'node:test';
import { DEFAULTS } from '../../../src/config/defaults.ts';
import { examineAtStart } from '../../../src/doctor/start.ts';
import type { TargetContext } from '../../../src/doctor/target.ts';
import { createTarget } from '../../../src/s3/adapters/target.ts';
import { Secret } from '../../../src/secret.ts';
import type { UploadMethod } from '../../../src/uploads/upload.ts';
import { makeCa } from '../../support/ca.ts';
import { TENANT } from '../../support/harness.ts';
import { scratchFolder } from '../../support/s3-server.ts';
import { startStubS3, type StubOptions } from '../../support/stub-s3.ts';

const scratch = await scratchFolder('start-ca');
const ca = await makeCa(scratch.path);
after(() => scratch.remove());
afterEach(() => mock.timers.reset());

/** A stub, and the examination of it. */
async function stage(
  { methods = ['PUT'], ...options }: StubOptions & { readonly methods?: readonly UploadMethod[] },
  signal = new AbortController().signal,
  recovery?: string,
) {
  const stub = await startStubS3({ ca, ...options });
  await stub.createBucket('uploads', { versioning: true });
  const endpoint = new URL(stub.endpoint);
  const { accessKeyId, secretAccessKey, region, caPem } = stub;
  const credentials = {
    kind: 'static',
    accessKeyId,
    secretAccessKey: new Secret(secretAccessKey),
    sessionToken: undefined,
  } as const;
  const ways = { endpoint, publicEndpoint: endpoint, region, pathStyle: true, ca: caPem };
  const main = { ...ways, credentials, ...DEFAULTS.s3 };
  const config: TargetContext['config'] = {
    custody: {
      hierarchy: undefined,
      recovery: recovery === undefined ? undefined : { target: 'main', bucket: recovery },
    },
    s3: { targets: { main } },
    tenants: { acme: { ...TENANT, methods } },
    cors: { origins: [] },
  };
  const begin = () => examineAtStart({ config, openTarget: createTarget, now: Date.now, signal });
  return { stub, begin };
}

/** Holds the first removal of a canary until `release`. */
function slowRemoval() {
  const reached = Promise.withResolvers<undefined>();
  const released = Promise.withResolvers<undefined>();
  const before = async ({ method, url = '' }: IncomingMessage) => {
    if (method !== 'DELETE' || url.includes('/none')) return;
    reached.resolve(undefined);
    await released.promise;
  };
  return { before, reached: reached.promise, release: () => released.resolve(undefined) };
}

describe('the examination at the start', { timeout: 20_000 }, () => {
  it('finds nothing wrong with a right S3, and leaves nothing', async () => {
    const { stub, begin } = await stage({});
    await using _ = stub;
    const { inTime, later } = begin();
    assert.deepEqual(await inTime, []);
    assert.deepEqual(await later, []);
    assert.deepEqual(stub.objects('uploads'), []);
  });

  it('asks the recovery bucket too, and leaves nothing there', async () => {
    const { stub, begin } = await stage({}, new AbortController().signal, 'copies');
    await using _ = stub;
    const missing = await begin().inTime;
    assert.deepEqual(
      missing.map(({ check, subject }) => [check, subject]),
      [['recovery.bucket', 'recovery bucket copies on main']],
    );
    await stub.createBucket('copies', { versioning: true });
    const { inTime, later } = begin();
    assert.deepEqual(await inTime, []);
    assert.deepEqual(await later, []);
    assert.deepEqual(stub.objects('copies'), []);
  });

  it('finds in time what is unsafe', async () => {
    const { stub, begin } = await stage({ fault: 'checks no signature' });
    await using _ = stub;
    const found = await begin().inTime;
    assert.ok(found.some(({ outcome }) => outcome === 'unsafe'));
  });

  it('looks at forms where a tenant may use them', async () => {
    for (const [methods, unsafe] of [
      [['PUT', 'POST'], ['form.fanout']],
      [['PUT', 'multipart'], []],
    ] as const) {
      const { stub, begin } = await stage({ fault: 'fans out', methods });
      await using _ = stub;
      const { inTime, later } = begin();
      const found = (await inTime).filter(({ outcome }) => outcome === 'unsafe');
      assert.deepEqual(
        found.map(({ check }) => check),
        unsafe,
      );
      await later;
      assert.deepEqual(stub.objects('uploads'), []);
    }
  });

  it('comes to its deadline in the middle of the clean-up, which goes on', async () => {
    const { before, reached, release } = slowRemoval();
    const { stub, begin } = await stage({ before });
    await using _ = stub;
    mock.timers.enable({ apis: ['setTimeout'] });
    const { inTime, later } = begin();
    await reached;
    mock.timers.tick(5_000);
    assert.deepEqual(
      (await inTime).map(({ check, subject }) => [check, subject]),
      [['bucket.answers', 'bucket uploads on main']],
    );
    assert.equal(stub.objects('uploads').length, 1);
    release();
    assert.deepEqual(await later, []);
    assert.deepEqual(stub.objects('uploads'), []);
  });

  it('ends at once when it is told to, and still removes its canary', async () => {
    const { before, reached, release } = slowRemoval();
    const stop = new AbortController();
    const { stub, begin } = await stage({ before }, stop.signal);
    await using _ = stub;
    const { inTime, later } = begin();
    await reached;
    stop.abort();
    assert.deepEqual(await inTime, []);
    assert.equal(stub.objects('uploads').length, 1);
    release();
    await later;
    assert.deepEqual(stub.objects('uploads'), []);
  });
});
