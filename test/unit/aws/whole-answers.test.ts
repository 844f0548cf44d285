import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, it, mock } from 'node:test';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { SdkFailure } from '../../../src/aws/sdk-failure.ts';
import { storeAt } from '../s3/answering.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

const closers: (() => void)[] = [];
afterEach(() => {
  mock.timers.reset();
  closers.splice(0).forEach((close) => close());
});

/** A store on a server that begins each answer well, and leaves the rest to `goOn`. `ended` counts answers that lost their connection. */
async function storeOn(goOn: (response: ServerResponse) => void) {
  const counted = { begun: 0, ended: 0 };
  const server = createServer((request, response) => {
    counted.begun += 1;
    response.on('close', () => (counted.ended += 1));
    response.on('error', () => undefined);
    const uploads = request.url?.includes('uploads') === true;
    const tag = uploads ? 'ListMultipartUploadsResult' : 'ListVersionsResult';
    const date = new Date(Date.now() + 600_000).toUTCString();
    response.writeHead(200, { 'content-type': 'application/xml', date });
    response.write(`<${tag}>${uploads ? '<Bucket>b</Bucket>' : '<Name>b</Name>'}`);
    goOn(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const objects = storeAt((server.address() as AddressInfo).port);
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const settled = async (count: number) => {
    while (counted.ended < count) await turn();
  };
  return { objects, counted, settled };
}

async function failureOf(promise: Promise<unknown>): Promise<SdkFailure> {
  const thrown: unknown = await promise.then(
    () => assert.fail('it did not throw'),
    (reason: unknown) => reason,
  );
  assert.ok(thrown instanceof DependencyUnavailable);
  assert.ok(thrown.cause instanceof SdkFailure);
  return thrown.cause;
}

describe('the answers of the SDK client', { timeout: 20_000 }, () => {
  it('are given up after 8 MiB, once, and their connections closed', async () => {
    let sent = 0;
    const block = Buffer.alloc(64 * 1024, 'a');
    const { objects, counted, settled } = await storeOn((response) => {
      const more = (): void => {
        do sent += block.length;
        while (!response.destroyed && response.write(block));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    const failure = await failureOf(objects.remains('b', 'k'));
    assert.equal(failure.code, 'EndlessAnswer');
    await settled(2);
    assert.equal(counted.begun, 2, 'one for the versions, one for the unfinished uploads');
    // Two answers, and what lay in the sockets.
    assert.ok(sent < 2 * 8 * 1024 * 1024 + 16 * 1024 * 1024, `${sent} bytes`);
  });

  it('are given up 10 s after they were asked for, though every byte comes soon', async () => {
    const { objects, counted, settled } = await storeOn((response) => {
      const drip = setInterval(() => response.write(' '), 5);
      response.on('close', () => clearInterval(drip));
    });
    mock.timers.enable({ apis: ['setTimeout'] });
    const one = { versions: [{ versionId: 'v1' }], multipartUploadIds: [] };
    const failing = failureOf(objects.remove('b', 'k', one));
    // The head has come, and told that S3's clock is ahead.
    while (objects.skewMs() === 0) await turn();
    mock.timers.tick(10_000);
    assert.match((await failing).message, /^TimeoutError: no answer in 10 s$/);
    await settled(1);
    assert.equal(counted.begun, 1);
  });

  it('come whole when they are long', async () => {
    const versions = Array.from(
      { length: 1000 },
      (_, i) =>
        `<Version><Key>${'ü'.repeat(500)}</Key><VersionId>${i}</VersionId></Version>` +
        `<Version><Key>k</Key><VersionId>v${i}</VersionId></Version>`,
    );
    const { objects } = await storeOn((response) => {
      const uploads = response.req.url?.includes('uploads') === true;
      response.end(uploads ? '</ListMultipartUploadsResult>' : `${versions.join('')}</ListVersionsResult>`);
    });
    const remains = await objects.remains('b', 'k');
    assert.equal(remains.versions.length, 1000);
  });
});
