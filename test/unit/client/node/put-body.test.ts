import assert from 'node:assert/strict';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { FileChanged, S3Refusal, Unreachable } from '../../../../src/client/errors.ts';
import { openLocalFile } from '../../../../src/client/node/local-file.ts';
import { putBody } from '../../../../src/client/node/put-body.ts';
import { cut, refuse, startStub, take, type Stub } from './stub.ts';

const BIG = 64 * 1024 * 1024;

describe('putBody', () => {
  let stub: Stub;
  before(async () => (stub = await startStub()));
  after(() => stub[Symbol.asyncDispose]());
  beforeEach(() => (stub.s3.length = 0));

  const file = async (size: number) => {
    const path = join(stub.dir, `${size}.bin`);
    await writeFile(path, '');
    await truncate(path, size);
    return openLocalFile(path);
  };
  const put = async (size: number, onSent?: (bytes: number) => void) => {
    await using opened = await file(size);
    await putBody(stub.client.transport, stub.signed('PUT'), opened, { onSent });
  };

  for (const size of [0, 10, 3 * 1024 * 1024 + 1]) {
    it(`sends ${size} bytes with their length, never in chunks`, async () => {
      const seen: unknown[] = [];
      stub.s3.push((request, response) => {
        let bytes = 0;
        if (request.headers.expect !== undefined) response.writeContinue();
        request.on('data', (chunk: Buffer) => (bytes += chunk.length));
        request.on('end', () => {
          const { headers } = request;
          seen.push(bytes, headers['content-length'], headers['transfer-encoding'], headers.expect);
          response.end();
        });
      });
      let sent = 0;
      await put(size, (bytes) => (sent = bytes));
      const expect = size > 1024 * 1024 ? '100-continue' : undefined;
      assert.deepEqual(seen, [size, String(size), undefined, expect]);
      assert.equal(sent, size);
    });
  }

  it('takes a refusal before the body, and sends none of it', async () => {
    stub.s3.push(refuse(412, 'PreconditionFailed'));
    let sent = 0;
    await assert.rejects(
      put(BIG, (bytes) => (sent = bytes)),
      (error) => error instanceof S3Refusal && error.status === 412 && error.s3Code === 'PreconditionFailed',
    );
    assert.equal(sent, 0);
  });

  it('takes an answer in the middle of the body, and stops sending', async () => {
    stub.s3.push((request, response) => {
      response.writeContinue();
      request.once('data', () => {
        request.pause();
        response.writeHead(403).end('<Error><Code>AccessDenied</Code></Error>');
      });
    });
    let sent = 0;
    await assert.rejects(
      put(BIG, (bytes) => (sent = bytes)),
      (error) => error instanceof S3Refusal && error.s3Code === 'AccessDenied',
    );
    assert.ok(sent < BIG, `${sent} bytes`);
  });

  it('sends after a second when S3 never says Continue', async () => {
    stub.s3.push((request, response) => void request.resume().on('end', () => response.end()));
    const began = performance.now();
    await put(2 * 1024 * 1024);
    assert.ok(performance.now() - began >= 990);
  });

  it('tells a cut, a shortened file and an abort apart', async () => {
    stub.s3.push(cut, take(200));
    await assert.rejects(
      put(10),
      (error) => error instanceof Unreachable && error.passing && error.peer === 'S3',
    );
    await using shortened = await file(20);
    await truncate(join(stub.dir, '20.bin'), 5);
    await assert.rejects(putBody(stub.client.transport, stub.signed('PUT'), shortened), FileChanged);
    const controller = new AbortController();
    stub.s3.splice(0, 2, () => controller.abort());
    await using opened = await file(10);
    const { signal } = controller;
    await assert.rejects(putBody(stub.client.transport, stub.signed('PUT'), opened, { signal }), {
      name: 'AbortError',
    });
  });

  it('sends no key but by TLS', async () => {
    await using opened = await file(10);
    const request = { ...stub.signed('PUT'), url: stub.client.endpoint };
    const calls = stub.calls.length;
    await assert.rejects(putBody(stub.client.transport, request, opened), /Protocol "http:" not supported/);
    assert.equal(stub.calls.length, calls);
  });
});
