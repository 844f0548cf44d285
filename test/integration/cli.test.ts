import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { environment, startService, type Service } from '../support/service.ts';
import { waitUntil } from '../support/processes.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const ask = { contentType: 'text/plain', size: 5 };

describe('the command line and a running service', () => {
  let service: Service;
  const cli = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
      cwd: service.dir,
      env: environment(service.dir),
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };
  const yaml = () => join(service.dir, 'sealslot.yaml');
  const edit = (from: string, to: string) => {
    const text = readFileSync(yaml(), 'utf8');
    assert.ok(text.includes(from), from);
    writeFileSync(yaml(), text.replace(from, to));
  };
  before(async () => {
    service = await startService();
  });
  after(() => service[Symbol.asyncDispose]());

  it('bad configuration: every mistake at once, exit 78, nothing started, no secret shown', () => {
    const good = readFileSync(yaml(), 'utf8');
    try {
      edit('endpoint: https://127.0.0.1:1', 'endpoint: http://127.0.0.1:1');
      edit('secretAccessKey: example', 'secretAccessKey: sEcReT-42, secretAccessKeyFile: nowhere');
      edit('bucket: uploads', 'bucket: uploads, objectKeyTemplate: "{filename}", maxSize: 3');
      const { status, stdout, stderr } = cli('serve');
      assert.equal(status, 78);
      assert.equal(stdout, '');
      for (const word of [
        's3.targets.main.endpoint',
        'https',
        'secretAccessKeyFile',
        'objectKeyTemplate',
        '{id}',
        'maxSize',
      ]) {
        assert.ok(stderr.includes(word), `${word} is not in:\n${stderr}`);
      }
      assert.ok(!stderr.includes('sEcReT-42'));
    } finally {
      writeFileSync(yaml(), good);
    }
  });

  it('commands that work on a store make none where store.path is wrong, and say so', () => {
    const good = readFileSync(yaml(), 'utf8');
    try {
      edit('path: sealslot.db', 'path: elsewhere.db');
      const commands = [
        ['audit'],
        ['kek', 'status'],
        ['rewrap', '--to', 'local'],
        ['rekey', '--tenant', 'acme', '--all'],
        ['shred-period', '--tenant', 'acme', '--period', '2026-01-01'],
        ['export', '--output', 'keys.age', '--passphrase-file', 'token'],
        ['api-key', 'list'],
        ['api-key', 'revoke', 'abc'],
      ];
      for (const command of commands) {
        const { status, stderr } = cli(...command);
        assert.equal(status, 78, `${command.join(' ')}: ${stderr}`);
        assert.match(stderr, /no store at .*elsewhere\.db/);
        assert.ok(!existsSync(join(service.dir, 'elsewhere.db')));
      }
    } finally {
      writeFileSync(yaml(), good);
    }
  });

  it('rewrap moves nothing to a wrapper that the running service does not have', () => {
    const good = readFileSync(yaml(), 'utf8');
    const made = cli('init', '--kek-file', 'other.json');
    assert.equal(made.status, 0, made.stderr);
    try {
      const other = ', other: { kind: local, kekFile: other.json } } }';
      edit('kekFile: kek.json } } }', `kekFile: kek.json }${other}`);
      edit('current: local', 'current: other');
      const { status, stderr } = cli('rewrap', '--to', 'other');
      assert.equal(status, 64, stderr);
      assert.match(stderr, /running service \S+ was started without it.*restart it first/);
      assert.equal(cli('rewrap', '--to', 'other', '--dry-run').status, 0);
    } finally {
      writeFileSync(yaml(), good);
    }
  });

  it('init makes a KEK file of mode 0600 and never overwrites one; serve refuses one that others can read', () => {
    const kek = join(service.dir, 'kek.json');
    assert.equal(statSync(kek).mode & 0o777, 0o600);
    const before = readFileSync(kek);
    assert.equal(cli('init').status, 1);
    assert.deepEqual(readFileSync(kek), before);
    chmodSync(kek, 0o644);
    const { status, stderr } = cli('serve');
    chmodSync(kek, 0o600);
    assert.equal(status, 78);
    assert.match(stderr, /0600|world|others|mode/);
  });

  it('a second serve on the same store is refused', () => {
    const { status, stderr } = cli('serve');
    assert.equal(status, 1);
    assert.match(stderr, /store_locked/);
  });

  it('an API key is made, listed without its secret, used, and revoked beside the running service', async () => {
    const made = cli(
      'api-key',
      'create',
      '--tenant',
      'acme',
      '--name',
      'partner',
      '--scopes',
      'uploads:write',
      '--expires',
      '2099-01-01T00:00:00Z',
    );
    assert.equal(made.status, 0, made.stderr);
    const token = made.stdout.trim();
    assert.match(token, /^slk_[0-9a-z]{16}_[A-Za-z0-9_-]{43}$/);
    const headers = { authorization: `Bearer ${token}` };
    assert.equal((await service.call('POST', '/v1/uploads', { body: ask, headers })).status, 201);
    assert.equal((await service.call('GET', '/v1/uploads', { headers })).status, 403);
    const listed = cli('api-key', 'list').stdout;
    assert.match(listed, /"name":"partner"/);
    assert.ok(!listed.includes(token.slice(21)));
    const id = token.split('_')[1]!;
    assert.equal(cli('api-key', 'revoke', id).status, 0);
    assert.equal((await service.call('POST', '/v1/uploads', { body: ask, headers })).status, 401);
    assert.equal(cli('api-key', 'revoke', 'nobody').status, 1);
    for (const args of [
      ['--tenant', 'x'],
      ['--tenant', 'nope', '--name', 'a', '--scopes', 'uploads:write'],
      ['--tenant', 'acme', '--name', 'a', '--scopes', 'all'],
      ['--tenant', 'acme', '--name', 'a', '--scopes', 'uploads:write', '--expires', 'soon'],
    ]) {
      assert.equal(cli('api-key', 'create', ...args).status, 64, args.join(' '));
    }
  });

  it('a JWT of a configured issuer gets a slot, after SIGHUP has brought the issuer’s new key set', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] };
    writeFileSync(join(service.dir, 'jwks-2.json'), JSON.stringify(jwks));
    const token = await new SignJWT({ scope: 'uploads:write' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'JWT' })
      .setIssuer('https://issuer.example.com')
      .setAudience('sealslot')
      .setSubject('user-1')
      .setExpirationTime('5m')
      .sign(privateKey);
    const post = () =>
      service.call('POST', '/v1/uploads', { body: ask, headers: { authorization: `Bearer ${token}` } });
    assert.equal((await post()).status, 401);
    edit('jwksFile: jwks.json', 'jwksFile: jwks-2.json');
    service.signal('SIGHUP');
    await waitUntil('the reload', () => service.stdout().includes('"configuration reloaded"'));
    assert.equal((await post()).status, 201);
  });

  it('SIGHUP: a new policy is in force; a bad file leaves the old one and says so', async () => {
    edit('bucket: uploads', 'bucket: uploads, maxSizeBytes: 4');
    service.signal('SIGHUP');
    await waitUntil(
      'the policy',
      async () => (await service.call('POST', '/v1/uploads', { body: ask })).status === 422,
    );
    edit('maxSizeBytes: 4', 'maxSizeBytes: four');
    service.signal('SIGHUP');
    await waitUntil('the refusal', () => service.stdout().includes('the old one stays in force'));
    assert.match(service.stdout(), /tenants\.acme\.maxSizeBytes/);
    assert.equal((await service.call('POST', '/v1/uploads', { body: ask })).status, 422);
    edit(', maxSizeBytes: four', '');
    service.signal('SIGHUP');
    await waitUntil(
      'the old policy',
      async () => (await service.call('POST', '/v1/uploads', { body: ask })).status === 201,
    );
  });

  it('SIGTERM finishes what is in flight, then ends with 0', async () => {
    const { port, hostname } = new URL(service.url);
    const body = JSON.stringify(ask);
    let answer = '';
    const socket = connect(Number(port), hostname);
    socket.on('data', (chunk) => (answer += chunk.toString())).on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(
      `POST /v1/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${service.token}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    await waitUntil('the service has begun the request', () => answer.includes('100 Continue'));
    socket.write(body.slice(0, 5));
    const stopped = service.stop();
    await waitUntil('the drain', () => service.stdout().includes('finishing what is in flight'));
    socket.write(body.slice(5));
    await stopped;
    await closed;
    assert.match(answer, /HTTP\/1.1 201 /);
    assert.match(service.stdout(), /"msg":"ended"/);
  });
});
