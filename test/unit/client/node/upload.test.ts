import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { S3Refusal, ServiceProblem, Unreachable } from '../../../../src/client/errors.ts';
import { openLocalFile } from '../../../../src/client/node/local-file.ts';
import { uploadSource } from '../../../../src/client/node/upload.ts';
import { cut, problem, refuse, startStub, take, type Answer, type Stub } from './stub.ts';

const SLOT = { id: 'id', objectKey: 'k', contentType: 'text/plain', size: 5 };
const UPLOADED: Answer = { status: 200, body: { ...SLOT, state: 'uploaded' } };

describe('uploadSource by PUT', () => {
  let stub: Stub;
  beforeEach(async () => {
    stub = await startStub();
    await writeFile(join(stub.dir, 'a.txt'), 'hello');
    stub.script['POST'] = [issued()];
    stub.script['POST /request'] = [{ ...issued(), status: 200 }];
    stub.script['POST /complete'] = [UPLOADED];
  });
  afterEach(() => stub[Symbol.asyncDispose]());

  const issued = (lifeMs?: number): Answer => ({
    status: 201,
    body: { ...SLOT, state: 'issued', request: stub.signed('PUT', lifeMs) },
  });
  const inState = (state: string): Answer => ({ status: 201, body: { ...SLOT, state } });
  const upload = async (more: { sha256?: string } = {}) => {
    await using file = await openLocalFile(join(stub.dir, 'a.txt'));
    const options = { filename: 'a.txt', contentType: 'text/plain', ...more };
    return (await uploadSource(stub.client, file, options)).outcome;
  };

  it('asks, sends, completes', async () => {
    stub.s3.push(take(200));
    assert.equal(await upload(), 'uploaded');
    assert.deepEqual(stub.calls, ['POST', 'PUT', 'POST /complete']);
  });

  it('takes 412 as "there already", and as its own after a lost answer', async () => {
    stub.s3.push(refuse(412, 'PreconditionFailed'));
    assert.equal(await upload(), 'already');
    stub.s3.splice(0, 1, cut, refuse(412, 'PreconditionFailed'));
    assert.equal(await upload(), 'uploaded');
  });

  it('sends nothing when the replayed slot is uploaded', async () => {
    stub.script['POST'] = [inState('uploaded')];
    assert.equal(await upload(), 'already');
    assert.deepEqual(stub.calls, ['POST']);
  });

  it('waits while another PUT is under way, and when S3 is slow', async () => {
    stub.s3.push(refuse(409, 'ConditionalRequestConflict'), take(503, '', { 'retry-after': '3' }), take(200));
    assert.equal(await upload(), 'uploaded');
    assert.deepEqual(stub.pauses, [250, 3_500]);
  });

  it('asks for one fresh request after a 403, and no more', async () => {
    stub.s3.push(refuse(403, 'AccessDenied'), take(200));
    assert.equal(await upload(), 'uploaded');
    assert.deepEqual(stub.calls, ['POST', 'PUT', 'POST /request', 'PUT', 'POST /complete']);
    stub.s3.splice(0, 1, refuse(403, 'AccessDenied'));
    await assert.rejects(upload(), (error) => error instanceof S3Refusal && error.status === 403);
  });

  it('asks for a fresh request when the URL has ended during a cut', async () => {
    stub.script['POST'] = [issued(-1)];
    stub.s3.push(cut, take(200));
    assert.equal(await upload(), 'uploaded');
    assert.deepEqual(stub.calls, ['POST', 'PUT', 'POST /request', 'PUT', 'POST /complete']);
  });

  it('gives up at once on a body that S3 refuses, and after six cuts', async () => {
    stub.s3.push(refuse(400, 'BadDigest'));
    await assert.rejects(upload(), { name: 'FileChanged', message: /^The file changed/ });
    assert.deepEqual(stub.calls, ['POST', 'PUT']);
    const told = upload({ sha256: `${'A'.repeat(43)}=` });
    await assert.rejects(told, { name: 'FileChanged', message: /^The sha256 that was given is not/ });
    stub.s3.splice(0, 1, cut);
    stub.calls.length = 0;
    await assert.rejects(upload(), Unreachable);
    assert.equal(stub.calls.filter((call) => call === 'PUT').length, 6);
  });

  it('asks again while the object has not arrived, as Retry-After says', async () => {
    stub.s3.push(take(200));
    stub.script['POST /complete'] = [problem(409, 'not_arrived', 2), UPLOADED];
    assert.equal(await upload(), 'uploaded');
    assert.deepEqual(stub.pauses, [2_250]);
  });

  for (const [what, answer] of [
    ['deleted', problem(404, 'upload_deleted')],
    ['rejected', () => inState('rejected')],
    ['expired', () => inState('expired')],
  ] as const) {
    it(`takes the next attempt when the slot is ${what}`, async () => {
      stub.s3.push(take(200));
      stub.script['POST'] = [typeof answer === 'function' ? answer() : answer, issued()];
      stub.script['POST /complete'] = [
        ...(what === 'expired' ? [problem(409, 'not_arrived', 2)] : []),
        UPLOADED,
      ];
      assert.equal(await upload(), 'uploaded');
      assert.equal(new Set(stub.keys).size, 2);
      assert.deepEqual(stub.pauses, []);
    });
  }

  it('counts what arrived just before its slot expired', async () => {
    stub.script['POST'] = [inState('expired')];
    assert.equal(await upload(), 'already');
    assert.deepEqual(stub.calls, ['POST', 'POST /complete']);
  });

  it('fails on a mismatch of what it sent, but goes on where another object lay', async () => {
    stub.s3.push(take(200));
    stub.script['POST /complete'] = [problem(422, 'mismatch')];
    await assert.rejects(upload(), (error) => error instanceof ServiceProblem && error.code === 'mismatch');
    stub.s3.splice(0, 1, refuse(412, 'PreconditionFailed'), take(200));
    stub.script['POST /complete'] = [problem(422, 'mismatch'), UPLOADED];
    assert.equal(await upload(), 'uploaded');
  });

  it('repeats a call of the service that was lost or refused for now, with the same Idempotency-Key', async () => {
    stub.s3.push(take(200));
    stub.script['POST'] = ['cut', problem(503, 'dependency_unavailable', 5), issued()];
    assert.equal(await upload(), 'uploaded');
    assert.equal(stub.keys.length, 3);
    assert.equal(new Set(stub.keys).size, 1);
    assert.deepEqual(stub.pauses, [250, 5_500]);
  });

  it('tells an answer that is not the service’s', async () => {
    stub.script['POST'] = [{ status: 200, body: undefined }];
    await assert.rejects(
      upload(),
      (error) => error instanceof ServiceProblem && error.code === 'unexpected_answer',
    );
  });
});
