import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { pythonVenv } from '../support/python.ts';
import { scratchFolder } from '../support/s3-server.ts';
import { environment, kekPath, setUp, startService, storePath, type Service } from '../support/service.ts';
import { sendByFetch, trust } from './support-clients.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const SUPPORT = new URL('../support/', import.meta.url).pathname;
const PASSPHRASE = 'a passphrase of a list';

const minio = await available(startMinio);
after(() => minio.stop());

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function sealslot(dir: string, ...args: string[]): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  execFile(process.execPath, [MAIN, ...args], { cwd: dir, env: environment(dir) }, (error, stdout, stderr) =>
    resolve({ status: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr }),
  );
  return promise;
}

/** Another implementation of age; what it is given comes by a pipe. */
async function rage(ask: Record<string, string>): Promise<Buffer> {
  const python = join(await pythonVenv('age', join(SUPPORT, 'requirements-age.txt')), 'python');
  const child = spawn(python, [join(SUPPORT, 'age_tool.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(ask));
  const [bytes] = await Promise.all([buffer(child.stdout), once(child, 'close')]);
  assert.equal(child.exitCode, 0);
  return bytes;
}

describe('export to a safe and import from it: MinIO', { skip: minio.skip }, () => {
  const bodies = new Map<string, Buffer>();
  const said: string[] = [];
  let folder: Awaited<ReturnType<typeof scratchFolder>>;
  let service: Service;
  let dir: string;
  let identity: string;
  let recipient: string;

  const run = async (...args: string[]): Promise<Ended> => {
    const ended = await sealslot(dir, ...args);
    said.push(ended.stdout, ended.stderr);
    return ended;
  };
  const importing = (...args: string[]): Promise<Ended> => run('import', '--json', ...args);
  const outcomes = ({ stdout }: Ended): string[] =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).outcome);

  before(async () => {
    folder = await scratchFolder('export');
    dir = folder.path;
    trust(minio.get().caPem);
    await minio.get().createBucket('uploads');
    identity = await generateX25519Identity();
    recipient = await identityToRecipient(identity);
    await writeFile(join(dir, 'identity'), `# created: today\n# public key: ${recipient}\n${identity}\n`, {
      mode: 0o600,
    });
    await writeFile(join(dir, 'passphrase'), `${PASSPHRASE}\n`, { mode: 0o600 });
    service = await startService({ dir, s3: minio.get() });
    for (let n = 0; n < 5; n += 1) {
      const body = randomBytes(1000 + n);
      const ask = { contentType: 'application/pdf', size: body.length, filename: `ü ${n}.pdf` };
      const { body: slot } = await service.call('POST', '/v1/uploads', { body: ask });
      if (n < 4) assert.equal((await sendByFetch({ ...slot.request, body })).status, 200);
      if (n < 3) assert.equal((await service.call('POST', `/v1/uploads/${slot.id}/complete`)).status, 200);
      bodies.set(slot.id, body);
    }
  });
  after(async () => {
    await service.kill();
    await folder.remove();
  });

  it('exports beside the running service, for a recipient or by a passphrase, and never overwrites', async () => {
    const to = ['--recipient', recipient, '--output', 'keys.age'];
    const made = await run('export', ...to);
    assert.deepEqual([made.status, made.stdout], [0, 'keys.age: 5 keys of 5 uploads\n'], made.stderr);
    assert.equal((await stat(join(dir, 'keys.age'))).mode & 0o777, 0o600);
    const bytes = await readFile(join(dir, 'keys.age'));

    const again = await run('export', ...to);
    assert.equal(again.status, 66);
    assert.match(again.stderr, /never overwritten/);
    assert.deepEqual(await readFile(join(dir, 'keys.age')), bytes);
    const by = await run('export', '--passphrase-file', 'passphrase', '--output', 'locked.age');
    assert.equal(by.status, 0, by.stderr);
    assert.deepEqual(
      (await readdir(dir)).filter((name) => name.endsWith('.part')),
      [],
    );
  });

  it('wrong usage writes nothing', async () => {
    const wrong: [string[], number, RegExp][] = [
      [[], 64, /--recipient/],
      [['--recipient', recipient, '--passphrase-file', 'passphrase'], 64, /either/],
      [['--recipient', identity], 64, /never the identity/],
      [['--recipient', recipient.slice(0, -1)], 64, /Recipient 1/],
      [['--recipient', recipient, '--tenant', 'nobody'], 64, /acme/],
      [['--passphrase-file', 'nothing'], 66, /no such file/],
    ];
    for (const [args, status, words] of wrong) {
      const ended = await run('export', '--output', 'never.age', ...args);
      assert.equal(ended.status, status, ended.stderr);
      assert.match(ended.stderr, words);
      assert.equal(ended.stderr.includes(identity), false);
    }
    assert.equal((await run('export', '--recipient', recipient, '--output', '/dev/stdout')).status, 66);
    assert.deepEqual(
      (await readdir(dir)).filter((name) => /never|\.part$/.test(name)),
      [],
    );
  });

  it('rage reads both: one JSON line per key', async () => {
    const bytesOf = async (name: string) => (await readFile(join(dir, name))).toString('base64');
    const one = await rage({ do: 'decrypt', identity, data: await bytesOf('keys.age') });
    const two = await rage({ do: 'decrypt', passphrase: PASSPHRASE, data: await bytesOf('locked.age') });
    const lines = one
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual([lines[0].format, lines[0].version], ['sealslot-keys', 1]);
    assert.deepEqual(lines.at(-1), { end: true, keys: 5, slots: 5, failed: 0 });
    assert.deepEqual(new Set(lines.slice(1, -1).map(({ slot }) => slot)), new Set(bodies.keys()));
    for (const { customerKey } of lines.slice(1, -1)) assert.match(customerKey, /^[A-Za-z0-9+/]{43}=$/);
    assert.deepEqual(two.toString().split('\n').slice(1), one.toString().split('\n').slice(1));
  });

  it('with database and KEK gone, every object downloads again under a new KEK', async () => {
    await service.stop();
    for (const suffix of ['', '-wal', '-shm']) await rm(storePath(dir) + suffix, { force: true });
    const lost = await readFile(kekPath(dir), 'utf8');
    await rm(kekPath(dir));
    await rm(join(dir, 'token'));
    await setUp(dir, { s3: minio.get() });
    assert.notEqual(await readFile(kekPath(dir), 'utf8'), lost);

    const by = ['--keys', 'keys.age', '--identity-file', 'identity'];
    const dry = await importing(...by, '--dry-run');
    assert.deepEqual([dry.status, outcomes(dry)], [0, Array.from({ length: 5 }, () => 'restorable')]);
    const done = await importing(...by);
    assert.deepEqual(
      [done.status, outcomes(done)],
      [0, Array.from({ length: 5 }, () => 'restored')],
      done.stderr,
    );
    const again = await run('import', ...by);
    assert.deepEqual([again.status, again.stdout], [0, '0 restored, 5 already there, 0 failed\n']);

    service = await startService({ dir, s3: minio.get() });
    const slots = [...bodies];
    for (const [id, body] of slots.slice(0, 4)) {
      const path = `/v1/uploads/${id}`;
      // One had arrived and nobody had said so.
      assert.equal((await service.call('POST', `${path}/complete`)).body.state, 'uploaded');
      const { body: download } = await service.call('POST', `${path}/download`);
      assert.deepEqual((await sendByFetch(download)).body, body);
    }
    const [id, body] = slots[4]!;
    const { body: request } = await service.call('POST', `/v1/uploads/${id}/request`);
    assert.equal((await sendByFetch({ ...(request.request ?? request), body })).status, 200);
    assert.equal((await service.call('POST', `/v1/uploads/${id}/complete`)).body.state, 'uploaded');
  });

  it('what rage wrote is imported as well; what is changed, cut short or for others is refused', async () => {
    const sealed = await readFile(join(dir, 'keys.age'));
    const lines = await rage({ do: 'decrypt', identity, data: sealed.toString('base64') });
    const write = (name: string, bytes: Buffer) => writeFile(join(dir, name), bytes, { mode: 0o600 });
    const rewritten = await rage({ do: 'encrypt', recipient, data: lines.toString('base64') });
    await write('rage.age', rewritten);
    const by = ['--identity-file', 'identity'];
    const same = await importing('--keys', 'rage.age', ...by);
    assert.deepEqual([same.status, outcomes(same)], [0, Array.from({ length: 5 }, () => 'already')]);

    const changed = Buffer.from(sealed);
    changed[changed.length - 100]! ^= 1;
    await write('changed.age', changed);
    await write('short.age', sealed.subarray(0, -1));
    for (const name of ['changed.age', 'short.age']) {
      const { status, stderr } = await importing('--keys', name, ...by);
      assert.equal(status, 65);
      assert.match(stderr, /not authentic/);
    }
    const cut = lines.subarray(0, lines.lastIndexOf('\n', -2) + 1);
    await write('cut.age', await rage({ do: 'encrypt', recipient, data: cut.toString('base64') }));
    const ended = await importing('--keys', 'cut.age', ...by);
    assert.equal(ended.status, 1);
    assert.match(ended.stderr, /no end line/);

    await write('other', Buffer.from(await generateX25519Identity()));
    const other = await importing('--keys', 'keys.age', '--identity-file', 'other');
    assert.equal(other.status, 65);
    assert.match(other.stderr, /Neither this identity/);
    const locked = await importing('--keys', 'locked.age', '--passphrase-file', 'passphrase');
    assert.deepEqual([locked.status, outcomes(locked)], [0, Array.from({ length: 5 }, () => 'already')]);
  });

  it('wrong usage of an import is 64, a file that is not there 66', async () => {
    const wrong: [string[], number][] = [
      [['--keys', 'keys.age'], 64],
      [['--keys', 'keys.age', '--identity-file', 'identity', '--passphrase-file', 'passphrase'], 64],
      [['--keys', 'keys.age', '--identity-file', 'identity', 'rows.csv'], 64],
      [['--keys', 'keys.age', '--identity-file', 'identity', '--tenant', 'nobody'], 64],
      [['--identity-file', 'identity', '--tenant', 'acme'], 64],
      [[], 64],
      [['--keys', 'nothing.age', '--identity-file', 'identity'], 66],
      [['--keys', 'keys.age', '--identity-file', 'passphrase'], 66],
    ];
    for (const [args, status] of wrong)
      assert.equal((await run('import', ...args)).status, status, args.join(' '));
  });

  it('no key, identity or passphrase was said', async () => {
    const sealed = (await readFile(join(dir, 'keys.age'))).toString('base64');
    const lines = (await rage({ do: 'decrypt', identity, data: sealed })).toString().trim().split('\n');
    const keys = lines.slice(1, -1).map((line) => JSON.parse(line).customerKey as string);
    assert.equal(keys.length, 5);
    const all = said.join('\n') + service.stdout() + service.stderr();
    for (const secret of [...keys, identity, PASSPHRASE]) assert.equal(all.includes(secret), false);
  });
});
