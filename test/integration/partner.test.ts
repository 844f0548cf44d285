import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import type { Json } from '../support/harness.ts';
import { startMinio } from '../support/minio.ts';
import { waitUntil } from '../support/processes.ts';
import { environment, startService, type Service } from '../support/service.ts';
import { lossyRelay, MAIN, objectKeys, start, type Command, type Ended } from './support-partner.ts';

const MAX_BYTES = 20_000_000;
const MANY = 200;
const FEWER = 80;
const ODD_NAMES = [
  '-n',
  "it's",
  'a "b" $(x)`y`',
  'line\nbreak.txt',
  '{a,b}[1-2]*?',
  'ünï\u{1f511}.pdf',
  '.hidden',
  '100%25#?',
];

const minio = await available(() => startMinio());

describe('a partner’s commands on MinIO', { skip: minio.skip }, () => {
  let service: Service;
  let relay: Awaited<ReturnType<typeof lossyRelay>>;
  let dir: string;
  const hashes = new Set<string>();
  const shown: string[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sealslot-partner-'));
    await minio.get().createBucket('uploads');
    relay = await lossyRelay(minio.get().endpoint);
    service = await startService({ s3: { ...minio.get(), endpoint: relay.endpoint } });
    const yaml = join(service.dir, 'sealslot.yaml');
    const policy = `bucket: uploads, maxSizeBytes: ${MAX_BYTES}`;
    await writeFile(yaml, (await readFile(yaml, 'utf8')).replace('bucket: uploads', policy));
    service.signal('SIGHUP');
    await waitUntil('the policy', () => service.stdout().includes('"configuration reloaded"'));
  });
  after(async () => {
    await service[Symbol.asyncDispose]();
    await relay[Symbol.asyncDispose]();
    await minio.stop();
    await rm(dir, { recursive: true });
  });

  const file = async (name: string, bytes: Buffer) => {
    const path = join(dir, name);
    await writeFile(path, bytes);
    hashes.add(createHash('sha256').update(bytes).digest('base64'));
    return path;
  };
  /** A folder of `count` files whose names end in `.<name>`. */
  const folder = async (name: string, count: number) => {
    await mkdir(join(dir, name, 'deep'), { recursive: true });
    for (let i = 0; i < count; i += 1) {
      await file(`${name}/${i % 2 === 0 ? 'deep/' : ''}${i}.${name}`, randomBytes(1 + i * 10));
    }
    return join(dir, name);
  };
  const command = (args: readonly string[], env: object = {}): Command =>
    start(process.execPath, [MAIN, ...args], {
      cwd: dir,
      env: {
        SEALSLOT_ENDPOINT: service.url,
        SEALSLOT_API_KEY: service.token,
        NODE_EXTRA_CA_CERTS: minio.get().caFile,
        NODE_COMPILE_CACHE: join(dir, '.compile-cache'),
        ...env,
      },
    });
  const finished = async (running: Command): Promise<Ended> => {
    const ended = await running.ended;
    shown.push(ended.stdout, ended.stderr);
    return ended;
  };
  const run = (...args: string[]) => finished(command(args));
  const jsonLines = ({ stdout }: Ended): Json[] =>
    stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  const inBucket = (name: string) => objectKeys(minio.get(), 'uploads', new RegExp(`\\.${name}$`));

  it('odd names, an empty file and one above the size that waits for Continue go up and come back', async () => {
    const bodies = new Map<string, Buffer>([
      ['empty', Buffer.alloc(0)],
      ['big.bin', randomBytes(3_000_001)],
      ...ODD_NAMES.map((name, i): [string, Buffer] => [name, randomBytes(100 + i)]),
    ]);
    await mkdir(join(dir, 'odd'));
    for (const [name, body] of bodies) await file(join('odd', name), body);
    const up = await run('upload', '-r', 'odd', '--json', '--ca-file', minio.get().caFile);
    assert.equal(up.status, 0, up.stderr);
    assert.equal(up.stderr, '');
    const results = jsonLines(up);
    assert.equal(results.length, bodies.size);
    for (const { file: path, outcome, id, size, sha256, objectKey } of results) {
      const body = bodies.get(basename(path))!;
      assert.deepEqual(
        { outcome, size, sha256 },
        {
          outcome: 'uploaded',
          size: body.length,
          sha256: createHash('sha256').update(body).digest('base64'),
        },
      );
      assert.ok(String(objectKey).includes(id));
      const { body: slot } = await service.call('GET', `/v1/uploads/${id}`);
      assert.equal(slot.filename, basename(path));
    }
    await mkdir(join(dir, 'got'));
    await Promise.all(
      results.map(async ({ id, size }) => {
        const down = await run('download', id, '-o', join('got', id), '--json');
        assert.equal(down.status, 0, down.stderr);
        assert.deepEqual(
          { size: jsonLines(down)[0].size, checked: jsonLines(down)[0].checked },
          { size, checked: 'sha256' },
        );
      }),
    );
    for (const { file: path, id } of results) {
      assert.deepEqual(await readFile(join(dir, 'got', id)), bodies.get(basename(path)));
      assert.equal((await stat(join(dir, 'got', id))).mode & 0o777, 0o600);
    }
  });

  it('downloads to a safe name of its own, to standard output, and over a file only by force', async () => {
    await mkdir(join(dir, 'here/sub'), { recursive: true });
    const body = randomBytes(1000);
    await file('here/sub/..evil', body);
    const id = (await run('upload', '-r', 'here')).stdout.split('  ')[0]!;
    await rm(join(dir, 'here'), { recursive: true });
    const named = await run('download', id);
    assert.equal(named.stdout, `${id}  _evil\n`);
    assert.deepEqual(await readFile(join(dir, '_evil')), body);
    const again = await run('download', id);
    assert.equal(again.status, 66);
    assert.match(again.stderr, /--force/);
    assert.equal((await run('download', id, '--force')).status, 0);
    const script = `"$@" download ${id} -o - | openssl dgst -sha256 -binary | base64`;
    const piped = start('bash', ['-c', script, 'sh', process.execPath, MAIN], {
      cwd: dir,
      env: {
        SEALSLOT_ENDPOINT: service.url,
        SEALSLOT_API_KEY: service.token,
        NODE_EXTRA_CA_CERTS: minio.get().caFile,
      },
    });
    assert.equal((await finished(piped)).stdout.trim(), createHash('sha256').update(body).digest('base64'));
    const unknown = await run('download', '01a20999-8efe-758d-99ab-bbe275287f3f');
    assert.equal(unknown.status, 65);
    assert.deepEqual(
      (await readdir(dir)).filter((name) => name.endsWith('.part')),
      [],
    );
  });

  it('without uploads:read it downloads, and says that it could not check', async () => {
    const id = (await run('upload', await file('unread', randomBytes(10)))).stdout.split('  ')[0]!;
    const token = execFileSync(
      process.execPath,
      [MAIN, 'api-key', 'create', '--tenant', 'acme', '--name', 'reader', '--scopes', 'objects:read'],
      { cwd: service.dir, env: environment(service.dir), encoding: 'utf8', stdio: 'pipe' },
    );
    await writeFile(join(dir, 'key'), token, { mode: 0o600 });
    await rm(join(dir, 'unread'));
    const down = await finished(
      command(['download', id, '--api-key-file', 'key'], { SEALSLOT_API_KEY: undefined }),
    );
    assert.equal(down.status, 0, down.stderr);
    assert.match(down.stderr, /Not checked: .*uploads:read/);
    assert.equal(down.stdout, `${id}  unread\n`, 'S3 tells the name as well');
  });

  it('a second run uploads nothing twice', async () => {
    const path = await folder('second', 5);
    const ids = async (...more: string[]) => {
      const lines = jsonLines(await run('upload', '-r', path, '--json', ...more));
      return lines.sort((a, b) => (a.file < b.file ? -1 : 1)).map(({ id, outcome }) => `${id} ${outcome}`);
    };
    const first = await ids();
    assert.deepEqual(
      await ids(),
      first.map((line) => line.replace('uploaded', 'already')),
    );
    assert.equal((await inBucket('second')).length, 5);
  });

  it('a deleted upload goes up again', async () => {
    const path = await file('one.deleted', randomBytes(10));
    const id = (await run('upload', path)).stdout.split('  ')[0]!;
    assert.equal((await service.call('DELETE', `/v1/uploads/${id}`)).status, 202);
    const [again] = jsonLines(await run('upload', path, '--json'));
    assert.equal(again.outcome, 'uploaded');
    assert.notEqual(again.id, id);
  });

  for (const [count, ...journal] of [[MANY], [FEWER, '--journal', 'journal']] as const) {
    it(`killed among ${count} files and run again${journal.length > 0 ? ' by its journal' : ''}: nothing twice, nothing missing`, async () => {
      const name = `killed${journal.length}`;
      const path = await folder(name, count);
      const args = ['upload', '-r', path, ...journal];
      const first = command(args);
      await waitUntil('some files are done', () => first.lines().length >= count / 5);
      assert.ok(!(await first.commandLine()).includes(service.token));
      first.child.kill('SIGKILL');
      const done = (await finished(first)).stdout.split('\n').length - 1;
      assert.ok(done < count, 'it was killed in the middle');
      // As a kill in the middle of a write leaves it.
      if (journal.length > 0) await appendFile(join(dir, 'journal'), '{"file":"/to');

      const second = await run(...args);
      assert.equal(second.status, 0, second.stderr);
      assert.equal(second.stdout.split('\n').length - 1, count);
      const keys = await inBucket(name);
      assert.equal(keys.length, count);
      assert.equal(new Set(keys.map((key) => basename(key))).size, count);

      if (journal.length === 0) return;
      // Not even the service is needed for what the journal has.
      const third = await run(...args, '--endpoint', service.url, '--json');
      assert.ok(
        jsonLines(third).every(({ outcome, objectKey }) => outcome === 'already' && objectKey === undefined),
      );
      shown.push(await readFile(join(dir, 'journal'), 'utf8'));
    });
  }

  it('Ctrl-C ends what is under way, with a summary and 130', async () => {
    const path = await folder('interrupted', FEWER);
    const first = command(['upload', '-r', path]);
    await waitUntil('some files are done', () => first.lines().length >= 10);
    first.child.kill('SIGINT');
    const { status, stderr } = await finished(first);
    assert.equal(status, 130);
    assert.match(stderr, /^\d+ uploaded, \d+ not done/m);
    assert.equal((await run('upload', '-r', path)).status, 0);
    assert.equal((await inBucket('interrupted')).length, FEWER);
  });

  it('lost answers: the second PUT’s 412 completes, and the object is there once', async () => {
    for (const size of [300_000, 2_000_000]) {
      const path = await file(`${size}.lost`, randomBytes(size));
      Object.assign(relay.losses, { afterSent: size, times: 1 });
      const up = await run('upload', path, '--json');
      assert.equal(relay.losses.times, 0, 'an answer was lost');
      assert.equal(up.status, 0, up.stdout);
      assert.equal(jsonLines(up)[0].outcome, 'uploaded');
    }
    assert.equal((await inBucket('lost')).length, 2);
    delete relay.losses.afterSent;
  });

  it('a download that is cut goes on where it stood', async () => {
    const path = await file('cut.bin', randomBytes(4_000_000));
    const id = (await run('upload', path)).stdout.split('  ')[0]!;
    Object.assign(relay.losses, { afterReceived: 1_000_000, times: 2 });
    const down = await run('download', id, '-o', 'cut.copy');
    assert.equal(relay.losses.times, 0);
    assert.equal(down.status, 0, down.stderr);
    assert.deepEqual(await readFile(join(dir, 'cut.copy')), await readFile(path));
    delete relay.losses.afterReceived;
  });

  it('each failure has its exit code; the others go on, unless all would fail', async () => {
    const good = await file('good.codes', randomBytes(10));
    const tooBig = await file('big.codes', Buffer.alloc(0));
    await truncate(tooBig, MAX_BYTES + 1);
    const refused = await run('upload', tooBig, good, '--json', '--parallel', '1');
    assert.equal(refused.status, 65);
    const [first, second] = jsonLines(refused);
    assert.deepEqual(
      [first.outcome, first.error.code, second.outcome],
      ['failed', 'policy_refused', 'uploaded'],
    );
    assert.match(first.error.detail, /size/);

    const missing = await run('upload', 'nowhere', good);
    assert.equal(missing.status, 66);
    assert.match(missing.stdout, /good\.codes/);
    assert.equal((await run('upload', 'nowhere', tooBig)).status, 1);

    const wrongKey = await finished(
      command(['upload', good, good, good, '--parallel', '1', '--json'], { SEALSLOT_API_KEY: 'slk_wrong' }),
    );
    assert.equal(wrongKey.status, 77);
    assert.equal(jsonLines(wrongKey).length, 1, 'it stops at once');
    const untrusted = await finished(
      command(['upload', await file('new.codes', randomBytes(9))], { NODE_EXTRA_CA_CERTS: undefined }),
    );
    assert.equal(untrusted.status, 65);
    assert.match(untrusted.stderr, /--ca-file/);
  });

  it('curl: the printed script uploads, and again finds it there; the key by environment or keyboard', async () => {
    for (const name of ['plain.curl', `-it's "odd" $(x)\n{a,b}[1-2].curl`, 'empty.curl']) {
      const path = await file(name, name.startsWith('empty') ? Buffer.alloc(0) : randomBytes(50));
      const printed = await run('curl', path, '--content-type', 'application/x-test');
      assert.equal(printed.status, 0, printed.stderr);
      await writeFile(join(dir, 'script'), printed.stdout);
      const env = { CURL_CA_BUNDLE: minio.get().caFile };
      const typed = { cwd: dir, env, input: `${service.token}\n` };
      const once = await finished(start('bash', ['script'], typed));
      assert.equal(once.status, 0, once.stderr);
      const slot = jsonLines(once)[0];
      assert.deepEqual([slot.state, slot.filename], ['uploaded', name]);
      const exported = { cwd: dir, env: { ...env, API_KEY: service.token } };
      const twice = await finished(start('bash', ['script'], exported));
      assert.equal(twice.status, 0, twice.stderr);
      assert.equal(jsonLines(twice)[0].id, slot.id);
    }
    assert.equal((await inBucket('curl')).length, 3);
    const wrong = await finished(start('bash', ['script'], { cwd: dir, env: { API_KEY: 'slk_wrong' } }));
    assert.notEqual(wrong.status, 0);
    assert.match(wrong.stderr, /"code":"unauthenticated"/);
  });

  it('curl: after a DELETE the printed script uploads anew', async () => {
    const printed = await run('curl', await file('again.curl', randomBytes(50)));
    await writeFile(join(dir, 'script'), printed.stdout);
    const env = { CURL_CA_BUNDLE: minio.get().caFile, API_KEY: service.token };
    const first = jsonLines(await finished(start('bash', ['script'], { cwd: dir, env })))[0];
    assert.equal((await service.call('DELETE', `/v1/uploads/${first.id}`)).status, 202);
    const again = await finished(start('bash', ['script'], { cwd: dir, env }));
    assert.equal(again.status, 0, again.stderr);
    assert.notEqual(jsonLines(again)[0].id, first.id);
  });

  it('nothing that was shown or noted holds the API key, a URL’s signature or a customer key', () => {
    const all = shown.join('\n');
    assert.ok(all.length > 10_000);
    assert.ok(!all.includes(service.token));
    assert.doesNotMatch(all, /X-Amz-|customer-key/i);
    // Customer keys are 32 bytes in base64, as the files' hashes are.
    const unknown = [...all.matchAll(/[A-Za-z0-9+/]{43}=/g)]
      .map(([text]) => text)
      .filter((text) => !hashes.has(text));
    assert.deepEqual(unknown, []);
    assert.ok(!existsSync(join(dir, 'x')), 'no name was run as a command');
  });
});
