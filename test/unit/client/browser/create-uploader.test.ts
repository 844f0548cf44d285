import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import {
  createUploader,
  S3Refusal,
  ServiceProblem,
  Unreachable,
  type Upload,
  type UploaderOptions,
  type UploadOptions,
  type UploadProgress,
  type UploadState,
} from '../../../../src/client/browser/index.ts';
import { waitUntil } from '../../../support/processes.ts';
import { sha256, startPartsStub, type PartsStub } from '../node/parts-stub.ts';
import { cut, problem, refuse, take } from '../node/stub.ts';
import { becomeBrowser, fakeStorage } from './fake-browser.ts';

const BODY = randomBytes(25 * 10 + 3);
const PARTS = 26;
const ALL = Array.from({ length: PARTS }, (_, index) => index + 1);
const TOKEN = 'a-token-that-nobody-may-see';
const browser = becomeBrowser();

describe('createUploader', () => {
  let world: PartsStub;
  let storage: Storage;
  let pauses: number;
  beforeEach(async () => {
    world = await startPartsStub(BODY, 10);
    world.stub.script['DELETE'] = [{ status: 202, body: world.slot('deleting') }];
    storage = fakeStorage();
    pauses = 0;
    browser.probed.length = 0;
    browser.probeAnswers = false;
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const file = (lastModified = 1): File => new File([BODY], 'a.bin', { type: 'text/plain', lastModified });
  const uploader = (options: Partial<UploaderOptions> = {}) =>
    createUploader({
      endpoint: world.stub.client.endpoint,
      getToken: () => TOKEN,
      storage,
      retry: { tries: 4, pause: async () => void (pauses += 1) },
      ...options,
    });
  const upload = (options: UploadOptions = {}, more: Partial<UploaderOptions> = {}) => {
    const progress: UploadProgress[] = [];
    const states: UploadState[] = [];
    const started: Upload = uploader(more).upload(file(), {
      method: 'multipart',
      onProgress: (each) => progress.push(each),
      onState: (each) => states.push(each),
      ...options,
    });
    return { started, progress, states, done: started.done };
  };
  const whole = () => Buffer.concat(ALL.map((part) => world.parts.get(part) ?? Buffer.alloc(0)));
  const kept = () => Object.keys(storage);
  const inOrder = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);
  /** Lets a part's PUT stand until the test goes on. */
  const hold = (part: number): Promise<() => void> =>
    new Promise((reached) => {
      world.faults.set(part, [(request, response) => reached(() => world.keep(part, request, response))]);
    });

  /** A slot that goes by one PUT. */
  const byPut = (url = world.stub.signed('PUT').url) => {
    const issued = (asked: unknown) => ({
      status: 201,
      body: { ...world.slot('issued'), ...(asked as object), request: { ...world.stub.signed('PUT'), url } },
    });
    world.stub.script['POST'] = [
      (asked) => {
        world.asks.push(asked as Record<string, unknown>);
        return issued(asked);
      },
    ];
    world.stub.script['POST /request'] = [() => ({ ...issued({}), status: 200 })];
    world.stub.script['POST /complete'] = [{ status: 200, body: world.slot('uploaded') }];
  };

  it('sends parts, tells states and progress to the end, and remembers nothing', async () => {
    const { done, states, progress, started } = upload();
    assert.equal((await done).state, 'uploaded');
    assert.deepEqual(inOrder(world.puts), ALL);
    assert.ok(whole().equals(BODY));
    assert.deepEqual(states, ['preparing', 'uploading', 'completing', 'uploaded']);
    const bytes = progress.map((each) => each.bytes);
    assert.deepEqual(bytes, inOrder(bytes));
    assert.deepEqual(progress.at(-1), { bytes: BODY.length, size: BODY.length, resumed: 0 });
    assert.equal(bytes.filter((each) => each === BODY.length).length, 1);
    assert.deepEqual([started.id, started.state, kept()], ['id', 'uploaded', []]);
    assert.equal(world.asks[0]?.['sha256'], undefined);
  });

  it('sends a small file by one PUT with its SHA-256, and takes 412 for "complete"', async () => {
    byPut();
    world.stub.s3.splice(0, 1, cut, refuse(412, 'PreconditionFailed'));
    await upload({ method: 'auto' }).done;
    assert.equal(world.asks[0]?.['sha256'], sha256(BODY));
    assert.deepEqual(world.stub.calls, ['POST', 'PUT', 'PUT', 'POST /complete']);
  });

  it('asks for one fresh request after a 403', async () => {
    byPut();
    world.stub.s3.splice(0, 1, refuse(403, 'AccessDenied'), take(200));
    await upload({ method: 'PUT' }).done;
    assert.deepEqual(world.stub.calls, ['POST', 'PUT', 'POST /request', 'PUT', 'POST /complete']);
    world.stub.s3.splice(0, 1, refuse(403, 'AccessDenied'));
    await assert.rejects(
      upload({ method: 'PUT' }).done,
      (error) => error instanceof S3Refusal && error.s3Code === 'AccessDenied',
    );
  });

  it('adds a SHA-256 when policy demands one', async () => {
    const errors = [{ path: '/sha256', message: 'is required' }];
    const demand = { status: 422, body: { code: 'policy_refused', detail: 'no', errors } };
    const [create = demand] = world.stub.script['POST'] ?? [];
    world.stub.script['POST'] = [demand, create];
    await upload().done;
    assert.equal(world.asks[0]?.['sha256'], sha256(BODY));
    assert.equal(new Set(world.stub.keys).size, 2);
  });

  it('asks for a token again after a 401, once, and keeps what it can go on with', async () => {
    const unauthenticated = problem(401, 'unauthenticated');
    const [create = unauthenticated] = world.stub.script['POST'] ?? [];
    world.stub.script['POST'] = [unauthenticated, create];
    let asked = 0;
    await upload({}, { getToken: async () => `token-${(asked += 1)}` }).done;
    assert.equal(world.stub.calls.filter((call) => call === 'POST').length, 2);
    world.stub.calls.length = 0;
    world.stub.script['POST'] = [unauthenticated];
    const { done, states } = upload();
    await assert.rejects(done, (error) => error instanceof ServiceProblem && error.status === 401);
    assert.deepEqual(world.stub.calls, ['POST', 'POST']);
    assert.equal(states.at(-1), 'failed');
    assert.equal(kept().length, 1);
  });

  it('rejects with what getToken throws, and without a token', async () => {
    const mine = new Error('mine');
    const thrown = upload({}, { getToken: () => Promise.reject(mine) });
    await assert.rejects(thrown.done, mine);
    await assert.rejects(upload({}, { getToken: () => 'Bearer x' }).done, TypeError);
    assert.deepEqual(world.stub.calls, []);
  });

  it('sends nothing while it is paused, and then only what S3 lacks', async () => {
    const reached = hold(9);
    const { started, done, states, progress } = upload({}, { parallelParts: 1 });
    await reached;
    started.pause();
    started.pause();
    assert.equal(started.state, 'paused');
    const { length } = world.stub.calls;
    await setImmediate();
    assert.equal(world.stub.calls.length, length);
    started.resume();
    await done;
    assert.deepEqual(world.puts, [...ALL.slice(0, 9), ...ALL.slice(8)]);
    assert.deepEqual(states, ['preparing', 'uploading', 'paused', 'uploading', 'completing', 'uploaded']);
    assert.equal(progress.at(-1)?.resumed, 0);
  });

  it('may be paused before it began', async () => {
    const { started, done } = upload();
    started.pause();
    started.resume();
    started.pause();
    queueMicrotask(() => started.resume());
    assert.equal((await done).state, 'uploaded');
  });

  it('goes on in another page with the same key, and sends only what S3 lacks', async () => {
    const reached = hold(9);
    const leaving = new AbortController();
    const first = upload({ signal: leaving.signal }, { parallelParts: 1 });
    await reached;
    leaving.abort();
    await assert.rejects(first.done, { name: 'AbortError' });
    assert.deepEqual([first.started.state, kept().length], ['cancelled', 1]);
    const second = upload();
    await second.done;
    assert.equal(new Set(world.stub.keys).size, 1);
    assert.deepEqual(inOrder(world.puts), inOrder([...ALL, 9]));
    assert.deepEqual(second.progress.at(-1), { bytes: BODY.length, size: BODY.length, resumed: 80 });
    assert.deepEqual(kept(), []);
  });

  it('stores a key and a time: no token, no name, no customer key', async () => {
    const reached = hold(1);
    const { started } = upload();
    await reached;
    const [entry = []] = Object.entries(storage) as [string, string][];
    assert.match(entry.join(' '), /^sealslot:[A-Za-z0-9+/]{43}= \d{13} \d+-\d+-\d+-\d+$/);
    await started.cancel();
  });

  it('keeps two uploads of one file apart', async () => {
    const reached = hold(1);
    const first = upload();
    const go = await reached;
    const second = upload();
    await second.done;
    go();
    await first.done;
    assert.equal(new Set(world.stub.keys).size, 2);
  });

  it('removes what is too old, and survives a storage that throws', async () => {
    storage.setItem('sealslot:old', `${Date.now() - 24 * 3_600_000} a-key`);
    storage.setItem('sealslot:odd', '{}');
    storage.setItem('another', 'kept');
    await upload().done;
    assert.deepEqual(kept(), ['another']);
    const throwing = new Proxy(storage, {
      ownKeys: () => {
        throw new DOMException('no', 'SecurityError');
      },
      get: () => () => {
        throw new DOMException('full', 'QuotaExceededError');
      },
    });
    await upload({}, { storage: throwing }).done;
    await upload({}, { storage: null }).done;
  });

  it('removes a cancelled upload', async () => {
    const reached = hold(3);
    const { started, done, states } = upload();
    await reached;
    const cancelled = started.cancel();
    assert.equal(started.state, 'cancelled');
    assert.equal(started.cancel(), cancelled);
    await cancelled;
    await assert.rejects(done, { name: 'AbortError' });
    assert.equal(world.stub.calls.at(-1), 'DELETE');
    assert.deepEqual(states, ['preparing', 'uploading', 'cancelled']);
    assert.deepEqual(kept(), []);
  });

  it('cancels before anything was asked for without a call, and after the end without one', async () => {
    const early = upload();
    await early.started.cancel();
    await assert.rejects(early.done, { name: 'AbortError' });
    assert.equal(world.stub.calls.length, 0);
    const late = upload();
    await late.done;
    await late.started.cancel();
    assert.ok(!world.stub.calls.includes('DELETE'));
    assert.equal(late.started.state, 'uploaded');
  });

  it('cancels while a slot is asked for: finds it by its key, and removes it', async () => {
    const [create] = world.stub.script['POST'] ?? [];
    const begun: { cancelled?: Promise<void> } = {};
    world.stub.script['POST'] = [
      (asked) => {
        begun.cancelled ??= started.cancel();
        return typeof create === 'function' ? create(asked) : { status: 500 };
      },
    ];
    const { started, done } = upload();
    await assert.rejects(done, { name: 'AbortError' });
    await begun.cancelled;
    assert.equal(world.stub.calls.at(-1), 'DELETE');
    assert.equal(new Set(world.stub.keys).size, 1);
  });

  it('tells when the service could not be asked to remove', async () => {
    world.stub.script['DELETE'] = [problem(403, 'insufficient_scope')];
    const reached = hold(3);
    const { started } = upload();
    await reached;
    await assert.rejects(started.cancel(), { code: 'insufficient_scope' });
  });

  it('waits while the device is offline, without using up tries', async () => {
    const reached = hold(2);
    const { done, states } = upload({}, { parallelParts: 1, retry: { tries: 1 } });
    await reached;
    browser.setOnline(false);
    world.stub.dropS3();
    await waitUntil('offline', () => states.includes('offline'));
    browser.setOnline(true);
    assert.equal((await done).state, 'uploaded');
    assert.deepEqual(states.slice(-4), ['offline', 'uploading', 'completing', 'uploaded']);
  });

  it('says that nobody answers, after all tries', async () => {
    const dead = upload({}, { endpoint: 'http://127.0.0.1:9' });
    await assert.rejects(
      dead.done,
      (error) =>
        error instanceof Unreachable && error.peer === 'service' && error.likely === 'untrusted_or_down',
    );
    assert.equal(pauses, 3);
    assert.deepEqual(new Set(browser.probed), new Set(['http://127.0.0.1:9']));
  });

  it('ends soon where a probe is answered and the page is not, and names CORS; never the signed URL', async () => {
    browser.probeAnswers = true;
    // To a page that CORS keeps out, an S3 that is there looks like one where nobody listens.
    const keptOut = 'https://127.0.0.1:9';
    byPut(`${keptOut}/uploads/object?X-Amz-Signature=signed`);
    const { done } = upload({ method: 'PUT' });
    const error = await done.then(
      () => assert.fail('it must fail'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof Unreachable);
    assert.deepEqual([error.peer, error.likely], ['S3', 'cors']);
    assert.match(error.message, /https:\/\/app\.example\.com.*sealslot cors check/);
    for (const secret of [TOKEN, 'a key', 'object', 'Signature'])
      assert.ok(!error.message.includes(secret), secret);
    assert.deepEqual(browser.probed, [keptOut, keptOut]);
    assert.equal(pauses, 1);
  });

  it('does not take a cut for CORS once something went through', async () => {
    browser.probeAnswers = true;
    world.faults.set(20, [cut, cut, cut]);
    assert.equal((await upload({}, { parallelParts: 1 }).done).state, 'uploaded');
    assert.deepEqual(browser.probed, []);
  });

  it('refuses an endpoint on which others read along', () => {
    assert.throws(() => uploader({ endpoint: 'http://uploads.example.com' }), TypeError);
    assert.throws(() => uploader({ endpoint: 'uploads' }), TypeError);
  });
});
