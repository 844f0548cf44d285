import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { curl, quoted } from '../../../src/cli/curl.ts';
import { UsageError } from '../../../src/cli/command.ts';
import { startStub, take, type Answer, type Stub } from '../client/node/stub.ts';
import { fakeTerminal } from './fake-terminal.ts';
import { MOVES_THE_CURSOR } from './hostile-service.ts';

const ODD = ["it's", 'a "b"', '$(touch x)`y`', 'line\nbreak', '-n', '\\', '!!', 'ünï', '{a,b}[1-2]*?~'];

describe('quoted', () => {
  for (const text of ODD) {
    it(`bash reads ${JSON.stringify(text)} as it is`, () => {
      assert.equal(execFileSync('bash', ['-c', `printf %s ${quoted(text)}`], { encoding: 'utf8' }), text);
    });
  }
});

describe('curl', () => {
  let dir: string;
  before(async () => (dir = await mkdtemp(join(tmpdir(), 'sealslot-curl-'))));
  after(() => rm(dir, { recursive: true }));
  const endpoint = 'https://uploads.example.com/';

  it('prints a script that bash can read, with the hash and no key', async () => {
    for (const name of ODD) {
      const path = join(dir, name);
      await writeFile(path, 'hello');
      const terminal = fakeTerminal();
      assert.equal(await curl(path, { endpoint }, terminal), 0);
      execFileSync('bash', ['-n'], { input: terminal.out() });
      const shown = terminal.out().split('\nif ')[0] ?? '';
      const ask = execFileSync(
        'bash',
        ['-c', `${shown}\nprintf '%s\\n%s' "$endpoint" "$ask"; [ -f "$file" ]`],
        {
          encoding: 'utf8',
        },
      );
      const [at, ...json] = ask.split('\n');
      assert.equal(at, 'https://uploads.example.com');
      assert.deepEqual(JSON.parse(json.join('\n')), {
        filename: name,
        contentType: 'application/octet-stream',
        size: 5,
        sha256: 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=',
      });
    }
  });

  it('a file that S3 does not take whole is refused at once', async () => {
    const path = join(dir, 'large');
    await writeFile(path, '');
    await truncate(path, 5 * 1024 ** 3 + 1);
    const terminal = fakeTerminal();
    assert.equal(await curl(path, { endpoint }, terminal), 66);
    assert.match(terminal.err(), /5 GiB.*sealslot upload/);
  });

  it('a missing file is 66, an endpoint that would show keys is wrong usage', async () => {
    const terminal = fakeTerminal();
    assert.equal(await curl(join(dir, 'nowhere'), { endpoint }, terminal), 66);
    assert.match(terminal.err(), /no such file/);
    assert.equal(terminal.out(), '');
    for (const wrong of [
      'http://example.com',
      'ftp://localhost',
      'nonsense',
      'https://a:b@example.com',
      'https://example.com?x',
    ]) {
      await assert.rejects(curl(join(dir, "it's"), { endpoint: wrong }, terminal), UsageError, wrong);
    }
    assert.equal(await curl(join(dir, "it's"), { endpoint: 'http://127.0.0.1:8080' }, terminal), 0);
  });
});

describe('the printed script, with a service that means harm', () => {
  let stub: Stub;
  let script: string;
  before(async () => {
    stub = await startStub();
    await writeFile(join(stub.dir, 'a'), 'mine');
    const terminal = fakeTerminal();
    await curl(join(stub.dir, 'a'), { endpoint: stub.client.endpoint }, terminal);
    script = join(stub.dir, 'script');
    await writeFile(script, terminal.out());
  });
  after(() => stub[Symbol.asyncDispose]());

  const run = (slot: object, complete: Answer = { status: 200, body: {} }) => {
    stub.calls.length = 0;
    stub.script['POST'] = [{ status: 201, body: { id: 'id', ...slot } }];
    stub.script['POST /complete'] = [complete];
    const env = {
      PATH: process.env['PATH'],
      API_KEY: 'slk_secret',
      CURL_CA_BUNDLE: join(stub.dir, 'tls/ca.crt'),
    };
    return new Promise<{ failed: boolean; shown: string }>((resolve) => {
      execFile('bash', [script], { env, cwd: stub.dir }, (error, stdout, stderr) =>
        resolve({ failed: error !== null, shown: stdout + stderr }),
      );
    });
  };

  it('does what it should with a good one', async () => {
    stub.s3.splice(0, Infinity, take(200));
    const { failed, shown } = await run({ request: stub.signed('PUT') }, { status: 200, body: { id: 'ü' } });
    assert.deepEqual([failed, shown], [false, '{"id":"ü"}\n']);
    assert.deepEqual(stub.calls, ['POST', 'PUT', 'POST /complete']);
  });

  it('writes to no file, and sends no key in clear', async () => {
    const victim = join(stub.dir, 'victim');
    await writeFile(victim, 'precious');
    for (const url of [`file://${victim}`, `-o${victim}`, `${stub.client.endpoint}/x`, 'ftp://127.0.0.1/']) {
      const { failed, shown } = await run({ request: { ...stub.signed('PUT'), url } });
      assert.ok(failed, url);
      assert.match(shown, /Protocol "\w+" (not supported or disabled|disabled)/);
      assert.deepEqual(stub.calls, ['POST']);
    }
    assert.equal(await readFile(victim, 'utf8'), 'precious');
  });

  it('shows what S3 and the service say without what moves the cursor', async () => {
    stub.s3.splice(0, Infinity, take(400, '<Code>\u001b]0;PWNED\u0007\u009b2K\u202e</Code>\nmore'));
    const refused = await run({ request: stub.signed('PUT') });
    assert.ok(refused.failed);
    assert.match(refused.shown, /S3 answered: <Code>\]0;PWNED2K<\/Code>\nmore\n400\n/);
    assert.doesNotMatch(refused.shown, MOVES_THE_CURSOR);
    const done = await run({}, { status: 200, body: { filename: 'PWNED\u009b2K\u202e\u007f' } });
    assert.deepEqual([done.failed, done.shown], [false, '{"filename":"PWNED2K"}\n']);
  });

  it('asks an https service by https alone', async () => {
    const terminal = fakeTerminal();
    await curl(join(stub.dir, 'a'), { endpoint: 'https://uploads.example.com' }, terminal);
    assert.deepEqual(terminal.out().match(/--proto \S+/g), ["--proto '=https'", "--proto '=https'"]);
  });
});
