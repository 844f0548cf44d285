import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { download } from '../../../src/cli/download.ts';
import { waitUntil } from '../../support/processes.ts';
import { startStub, take, type Stub } from '../client/node/stub.ts';
import { fakeTerminal } from './fake-terminal.ts';
import { hostileService, MOVES_THE_CURSOR } from './hostile-service.ts';

const env = { SEALSLOT_API_KEY: 'slk_secret' };

describe('download', () => {
  let stub: Stub;
  let dir: string;
  before(async () => {
    stub = await startStub();
    stub.script['POST /download'] = [{ status: 200, body: stub.signed('GET') }];
  });
  after(() => stub[Symbol.asyncDispose]());
  beforeEach(async () => (dir = await mkdtemp(join(tmpdir(), 'sealslot-download-'))));
  afterEach(() => rm(dir, { recursive: true }));

  /** The service announces one object, S3 has another one. */
  const run = async (announced: object, body: string, more: object = {}) => {
    stub.script['GET'] = [{ status: 200, body: { id: 'id', ...announced } }];
    stub.s3.splice(0, Infinity, take(200, body, { 'content-length': String(body.length) }));
    const terminal = fakeTerminal();
    const options = {
      endpoint: stub.client.endpoint,
      caFile: join(stub.dir, 'tls/ca.crt'),
      output: join(dir, 'a'),
    };
    const status = await download('id', { ...options, ...more }, env, terminal);
    return { status, terminal };
  };
  const sha256 = createHash('sha256').update('hello').digest('base64');

  it('keeps what is right', async () => {
    const { status, terminal } = await run({ size: 5, sha256 }, 'hello');
    assert.equal(status, 0, terminal.err());
    assert.match(terminal.err(), /Size and SHA-256 are right/);
    assert.equal(await readFile(join(dir, 'a'), 'utf8'), 'hello');
  });

  it('keeps nothing of another content', async () => {
    const { status, terminal } = await run({ size: 5, sha256 }, 'jello');
    assert.equal(status, 65);
    assert.match(terminal.err(), /SHA-256.*content_differs/);
    assert.deepEqual(await readdir(dir), []);
  });

  it('of another size it takes no byte at all', async () => {
    const { status, terminal } = await run({ size: 5, sha256 }, 'hello, world', { output: '-' });
    assert.equal(status, 65);
    assert.match(terminal.err(), /12 bytes; 5 were announced.*content_differs/);
    assert.equal(terminal.out(), '');
  });

  it('what the service says cannot move the cursor, as text or as JSON', async () => {
    await using service = await hostileService();
    for (const json of [false, true]) {
      const terminal = fakeTerminal();
      assert.equal(await download('id', { endpoint: service.url, json }, env, terminal), 65);
      assert.match(terminal.out() + terminal.err(), /PWNED/);
      assert.doesNotMatch(terminal.out() + terminal.err(), MOVES_THE_CURSOR);
      if (json) assert.match(JSON.parse(terminal.out()).error.detail, /\u009b2K\u202e/);
    }
  });

  it('Ctrl-C leaves what others have and nothing of its own', async () => {
    await writeFile(join(dir, 'a.part'), 'my own');
    stub.script['GET'] = [{ status: 200, body: { id: 'id', size: 5, sha256 } }];
    let interrupt = (): void => undefined;
    const terminal = {
      ...fakeTerminal(),
      onInterrupt(listener: () => void) {
        interrupt = listener;
        return () => undefined;
      },
    };
    stub.s3.splice(0, Infinity, (_request, response) => {
      response.writeHead(200, { 'content-length': '5' });
      response.write('hel');
      void waitUntil('the part file', async () => (await readdir(dir)).length > 1).then(interrupt);
    });
    const options = { endpoint: stub.client.endpoint, caFile: join(stub.dir, 'tls/ca.crt') };
    assert.equal(await download('id', { ...options, output: join(dir, 'a') }, env, terminal), 130);
    assert.deepEqual(await readdir(dir), ['a.part']);
  });
});
