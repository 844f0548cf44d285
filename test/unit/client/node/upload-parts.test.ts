import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FileChanged, S3Refusal, ServiceProblem, Unreachable } from '../../../../src/client/errors.ts';
import { openLocalFile } from '../../../../src/client/node/local-file.ts';
import type { UploadProgress } from '../../../../src/client/meter.ts';
import { uploadSource, type SourceOptions } from '../../../../src/client/node/upload.ts';
import { sha256, startPartsStub, type PartsStub } from './parts-stub.ts';
import { cut, problem, refuse, take } from './stub.ts';

const BODY = randomBytes(25 * 10 + 3);
const PARTS = 26;
const ALL = Array.from({ length: PARTS }, (_, index) => index + 1);

describe('uploadSource in parts', () => {
  let world: PartsStub;
  let path: string;
  beforeEach(async () => {
    world = await startPartsStub(BODY, 10);
    path = join(world.stub.dir, 'a.bin');
    await writeFile(path, BODY);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const upload = async (options: Partial<SourceOptions> = {}) => {
    await using file = await openLocalFile(path);
    return await uploadSource(world.stub.client, file, {
      contentType: 'text/plain',
      method: 'multipart',
      ...options,
    });
  };
  const whole = () => Buffer.concat(ALL.map((part) => world.parts.get(part) ?? Buffer.alloc(0)));
  const inOrder = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);

  it('sends every part once, four at once, and completes', async () => {
    const held: (() => void)[] = [];
    for (const part of [1, 2, 3, 4]) {
      // Lets none go before four are there.
      world.faults.set(part, [
        (request, response) => {
          held.push(() => world.keep(part, request, response));
          if (held.length === 4) for (const go of held) go();
        },
      ]);
    }
    const progress: UploadProgress[] = [];
    const { outcome, sha256: hash } = await upload({ onProgress: (each) => progress.push(each) });
    assert.deepEqual([outcome, hash], ['uploaded', sha256(BODY)]);
    assert.deepEqual(inOrder(world.puts), ALL);
    assert.ok(whole().equals(BODY));
    assert.equal(world.mostAtOnce(), 4);
    assert.deepEqual(world.lots.flat(), ALL);
    assert.ok(world.lots.every(({ length }) => length <= 8));
    assertMonotone(progress, 0);
  });

  it('asks for few URLs before they are needed', async () => {
    world.faults.set(1, [refuse(400, 'InvalidRequest')]);
    await assert.rejects(upload({ parallelParts: 1 }), S3Refusal);
    assert.deepEqual(world.puts, [1]);
    assert.deepEqual(
      world.lots.slice(0, 2),
      [
        [1, 2],
        [3, 4],
      ].slice(0, world.lots.length),
    );
  });

  it('goes on where S3’s list stands; a part of another size is none', async () => {
    for (const part of ALL.slice(0, 20)) world.parts.set(part, BODY.subarray((part - 1) * 10, part * 10));
    world.parts.set(3, Buffer.from('other'));
    const progress: UploadProgress[] = [];
    assert.equal((await upload({ onProgress: (each) => progress.push(each) })).outcome, 'uploaded');
    assert.deepEqual(inOrder(world.puts), [3, 21, 22, 23, 24, 25, 26]);
    assert.ok(whole().equals(BODY));
    assertMonotone(progress, 190);
  });

  it('sends nothing when all parts are there', async () => {
    for (const part of ALL) world.parts.set(part, BODY.subarray((part - 1) * 10, part * 10));
    assert.equal((await upload()).outcome, 'already');
    assert.deepEqual(world.stub.calls, ['POST', 'GET /parts', 'POST /complete']);
  });

  it('sends a part again after a cut, a 503 and a refused URL; the others go on', async () => {
    world.faults.set(2, [cut, take(503, '', { 'retry-after': '3' })]);
    world.faults.set(5, [refuse(403, 'AccessDenied')]);
    const progress: UploadProgress[] = [];
    assert.equal((await upload({ onProgress: (each) => progress.push(each) })).outcome, 'uploaded');
    assert.ok(whole().equals(BODY));
    assert.deepEqual(inOrder(world.puts), inOrder([...ALL, 2, 2, 5]));
    assert.deepEqual(
      world.lots.filter(({ length }) => length === 1),
      [[5]],
    );
    assert.deepEqual(world.stub.pauses, [250, 3_500]);
    assertMonotone(progress, 0);
  });

  it('asks again for a URL that has ended while its part waited', async () => {
    world.urlLifeMs = -1;
    assert.equal((await upload()).outcome, 'uploaded');
    assert.deepEqual(inOrder(world.lots.filter(({ length }) => length === 1).flat()), ALL);
  });

  it('gives up after a second 403, or six cuts of one part, and sends no more', async () => {
    world.faults.set(1, [refuse(403, 'AccessDenied'), refuse(403, 'AccessDenied')]);
    await assert.rejects(upload({ parallelParts: 1 }), (error) => error instanceof S3Refusal);
    assert.deepEqual(world.puts, [1, 1]);
    world.faults.set(
      1,
      Array.from({ length: 6 }, () => cut),
    );
    await assert.rejects(upload({ parallelParts: 1 }), Unreachable);
    assert.deepEqual(
      world.puts,
      Array.from({ length: 8 }, () => 1),
    );
  });

  it('stops the others when one part fails for good', async () => {
    world.faults.set(1, [refuse(400, 'InvalidRequest')]);
    const never = () => undefined;
    for (const part of [2, 3, 4]) world.faults.set(part, [never]);
    await assert.rejects(upload(), (error) => error instanceof S3Refusal && error.status === 400);
  });

  it('sends what complete misses, and what it still misses although it is listed', async () => {
    const { stub } = world;
    stub.script['POST /complete'] = [
      () => {
        world.parts.delete(7);
        return world.look();
      },
      () => world.look(),
    ];
    await upload();
    assert.deepEqual(inOrder(world.puts), inOrder([...ALL, 7]));
    const disputed = { ...problem(409, 'not_arrived', 2), body: { code: 'not_arrived', missingParts: [4] } };
    world.puts.length = 0;
    stub.script['POST /complete'] = [disputed, () => world.look()];
    assert.equal((await upload()).outcome, 'uploaded');
    assert.deepEqual(world.puts, [4]);
  });

  it('waits while the service is completing, as long as it takes', async () => {
    const waiting = Array.from({ length: 20 }, () => problem(409, 'still_completing', 5));
    world.stub.script['POST /complete'] = [...waiting, () => world.look()];
    await upload();
    assert.deepEqual(
      world.stub.pauses,
      Array.from({ length: 20 }, () => 5_250),
    );
  });

  it('asks for complete when S3 has no such upload any more: it may be there', async () => {
    world.faults.set(2, [refuse(404, 'NoSuchUpload')]);
    world.stub.script['POST /complete'] = [{ status: 200, body: world.slot('uploaded') }];
    assert.equal((await upload()).slot.state, 'uploaded');
  });

  it('takes a new slot when S3 has given the parts up, three times', async () => {
    const { stub } = world;
    const gone = problem(409, 'restart_needed');
    stub.script['GET /parts'] = [gone];
    stub.script['POST /complete'] = [gone];
    await assert.rejects(
      upload(),
      (error) => error instanceof ServiceProblem && error.code === 'restart_needed',
    );
    assert.equal(new Set(stub.keys).size, 4);
    assert.equal(world.puts.length, 0);
    stub.script['POST /complete'] = [gone, { status: 200, body: world.slot('uploaded') }];
    stub.keys.length = 0;
    await upload();
    assert.equal(new Set(stub.keys).size, 2);
  });

  it('takes a new slot when this one expires meanwhile', async () => {
    const { stub } = world;
    const requests = stub.script['POST /parts'] ?? [];
    stub.script['POST /parts'] = [problem(409, 'state_conflict'), ...requests];
    assert.equal((await upload()).outcome, 'uploaded');
    assert.equal(new Set(stub.keys).size, 2);
    assert.ok(whole().equals(BODY));
  });

  it('does not complete what was written to meanwhile', async () => {
    const { stub } = world;
    const onProgress = ({ bytes }: UploadProgress): void => {
      if (bytes === 0) return;
      touched ??= utimes(path, 0, 0);
    };
    let touched: Promise<void> | undefined;
    world.faults.set(26, [(request, response) => void touched?.then(() => take(200)(request, response))]);
    await assert.rejects(upload({ onProgress }), FileChanged);
    assert.ok(!stub.calls.includes('POST /complete'));
  });

  it('ends with what onProgress throws, without another try', async () => {
    const mine = new Error('mine');
    const onProgress = ({ bytes }: UploadProgress): void => {
      if (bytes > 50) throw mine;
    };
    await assert.rejects(upload({ onProgress }), mine);
    assert.deepEqual(world.stub.pauses, []);
  });

  it('ends by its signal, and leaves no PUT behind', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const onProgress = ({ bytes }: UploadProgress): void => {
      if (bytes > 50) controller.abort();
    };
    await assert.rejects(upload({ signal, onProgress }), { name: 'AbortError' });
    const puts = world.puts.length;
    assert.ok(puts < PARTS);
    assert.ok(!world.stub.calls.includes('POST /complete'));
  });
});

function assertMonotone(progress: readonly UploadProgress[], resumed: number): void {
  const bytes = progress.map((each) => each.bytes);
  assert.deepEqual(
    bytes,
    [...new Set(bytes)].sort((a, b) => a - b),
  );
  assert.equal(bytes.at(-1), BODY.length);
  assert.ok(progress.every((each) => each.size === BODY.length && each.resumed === resumed));
}
