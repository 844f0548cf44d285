import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DEFAULTS } from '../../../src/config/defaults.ts';
import { makeCa } from '../../support/ca.ts';
import { Folder, minimal, put } from './folder.ts';

const POSTGRES = { kind: 'postgres', host: 'db.example.com', database: 'slots', user: 'sealslot' };
const SECRET_TEXT = 'correct horse battery staple';

async function mistakesOf(store: object, prepare?: (folder: Folder) => Promise<object>) {
  await using folder = await Folder.make();
  await folder.write('pg-password', `${SECRET_TEXT}\n`);
  const further = (await prepare?.(folder)) ?? {};
  return await folder.mistakes(put(minimal(), 'store', { ...POSTGRES, ...store, ...further }));
}

describe('a store on PostgreSQL in the configuration', () => {
  it('has defaults for all but host, database and user', async () => {
    await using folder = await Folder.make();
    const { store } = await folder.load(put(minimal(), 'store', POSTGRES));
    assert.deepEqual(store, {
      kind: 'postgres',
      hosts: [{ host: 'db.example.com', port: 5432 }],
      database: 'slots',
      user: 'sealslot',
      password: undefined,
      passwordFile: undefined,
      tls: { ca: undefined, client: undefined },
      pool: DEFAULTS.postgres.pool,
      timeouts: DEFAULTS.postgres.timeouts,
    });
  });

  it('takes several hosts, with one port or one for each', async () => {
    await using folder = await Folder.make();
    const hosts = async (settings: object) => {
      const { store } = await folder.load(put(minimal(), 'store', { ...POSTGRES, ...settings }));
      assert.equal(store.kind, 'postgres');
      return store.hosts.map(({ host, port }) => `${host}:${port}`);
    };
    assert.deepEqual(await hosts({ host: ['a', 'b'], port: 6432 }), ['a:6432', 'b:6432']);
    assert.deepEqual(await hosts({ host: ['a', 'b'], port: [6432, 7432] }), ['a:6432', 'b:7432']);
    assert.deepEqual(await hosts({ host: '/run/postgresql' }), ['/run/postgresql:5432']);
  });

  it('takes the password by the environment or by a file, and prints none', async () => {
    await using folder = await Folder.make();
    const file = await folder.write('pg-password', `${SECRET_TEXT}\n`);
    const document = () => put(minimal(), 'store', POSTGRES);
    const direct = await folder.load(document(), { SEALSLOT_STORE__PASSWORD: SECRET_TEXT });
    assert.equal(direct.store.kind, 'postgres');
    assert.equal(direct.store.password?.reveal(), SECRET_TEXT);
    assert.doesNotMatch(JSON.stringify(direct), new RegExp(SECRET_TEXT));
    const named = await folder.load(document(), { SEALSLOT_STORE__PASSWORD_FILE: 'pg-password' });
    assert.equal(named.store.kind, 'postgres');
    assert.equal(named.store.passwordFile, file);
    assert.doesNotMatch(JSON.stringify(named), new RegExp(SECRET_TEXT));
  });

  it('reads the CA and what it logs in with by certificate', async () => {
    await using folder = await Folder.make();
    const ca = await makeCa(join(folder.root, 'tls'));
    const tls = { caFile: 'tls/ca.crt', certFile: ca.certFile, keyFile: ca.keyFile };
    const { store } = await folder.load(
      put(minimal(), 'store', { ...POSTGRES, tls: { ...tls, caFile: ca.caFile } }),
    );
    assert.ok(store.kind === 'postgres' && store.tls !== undefined);
    assert.equal(store.tls.caFile, ca.caFile);
    assert.equal(store.tls.ca, ca.caPem.trim());
    assert.equal(store.tls.client?.cert, (await readFile(ca.certFile, 'utf8')).trim());
    assert.equal(store.tls.client.key.reveal(), (await readFile(ca.keyFile, 'utf8')).trim());
    assert.equal(store.tls.keyFile, ca.keyFile);
  });

  for (const host of ['localhost', '127.0.0.1', '::1', '/run/postgresql'])
    it(`may do without TLS on ${host}`, async () => {
      await using folder = await Folder.make();
      const { store } = await folder.load(
        put(minimal(), 'store', { ...POSTGRES, host, tls: { mode: 'disable' } }),
      );
      assert.ok(store.kind === 'postgres');
      assert.equal(store.tls, undefined);
    });

  const cases: readonly (readonly [settings: object, path: string, says: RegExp])[] = [
    [{ host: undefined }, 'store.host', /missing/],
    [{ host: '' }, 'store.host', /empty/],
    [{ host: [] }, 'store.host', /at least 1/],
    [{ host: 'postgres://user:secret@db' }, 'store.host', /no URL/],
    [{ host: 'a,b' }, 'store.host', /as a list/],
    [{ port: 0 }, 'store.port', /at least 1/],
    [{ port: [5432, 5433] }, 'store.port', /as many as there are hosts \(1\)/],
    [{ database: '' }, 'store.database', /empty/],
    [{ user: undefined }, 'store.user', /missing/],
    [{ path: 'slots.db' }, 'store.path', /not known here/],
    [{ password: ' ' }, 'store.password', /empty/],
    [{ password: 'x', passwordFile: 'pg-password' }, 'store.passwordFile', /beside password/],
    [{ passwordFile: 'gone' }, 'store.passwordFile', /does not exist/],
    [{ pool: { max: 0 } }, 'store.pool.max', /at least 1/],
    [{ pool: { size: 1 } }, 'store.pool.size', /known are max/],
    [{ timeouts: { lockMilliseconds: '2s' } }, 'store.timeouts.lockMilliseconds', /whole number/],
    [
      { timeouts: { callMilliseconds: 5000 } },
      'store.timeouts.callMilliseconds',
      /more than statementMill.*5000/,
    ],
    [{ tls: { mode: 'require' } }, 'store.tls.mode', /one of verify-full, disable/],
    [{ tls: { mode: 'disable' } }, 'store.tls.mode', /db\.example\.com is not on loopback/],
    [{ host: ['::1', '10.0.0.1'], tls: { mode: 'disable' } }, 'store.tls.mode', /10\.0\.0\.1 is not/],
    [{ tls: { caFile: 'pg-password' } }, 'store.tls.caFile', /PEM/],
  ];
  for (const [settings, path, says] of cases)
    it(`refuses ${JSON.stringify(settings)}`, async () => {
      const mistakes = await mistakesOf(settings);
      assert.deepEqual(
        mistakes.map((mistake) => mistake.path),
        [path],
      );
      assert.match(mistakes[0]!.message, says);
    });

  it('refuses a certificate without its key, and a key that is not its', async () => {
    const tlsOf = (choose: (a: { certFile: string; keyFile: string }, b: { keyFile: string }) => object) =>
      mistakesOf({}, async (folder) => {
        const [a, b] = [await makeCa(join(folder.root, 'a')), await makeCa(join(folder.root, 'b'))];
        return { tls: choose(a, b) };
      });
    const found = async (...args: Parameters<typeof tlsOf>) =>
      (await tlsOf(...args)).map(({ path, message }) => `${path} ${message}`);
    assert.match((await found(({ certFile }) => ({ certFile }))).join(), /^store\.tls\.keyFile is missing/);
    assert.match((await found(({ keyFile }) => ({ keyFile }))).join(), /^store\.tls\.certFile is missing/);
    assert.match(
      (await found(({ certFile }, { keyFile }) => ({ certFile, keyFile }))).join(),
      /^store\.tls\.keyFile the file must hold the private key of certFile/,
    );
  });

  it('says all mistakes at once, and shows nothing that could be a secret', async () => {
    const mistakes = await mistakesOf({
      host: ['postgres://sealslot:hunter2@db', 'db'],
      port: 99_999,
      passwordFile: 'hunter2',
      password: 12_345,
      pool: { max: 5000 },
      tls: { mode: 'disable', caFile: 'gone' },
    });
    assert.deepEqual(mistakes.map(({ path }) => path).sort(), [
      'store.host',
      'store.password',
      'store.passwordFile',
      'store.pool.max',
      'store.port',
      'store.tls.caFile',
      'store.tls.caFile',
      'store.tls.mode',
    ]);
    assert.doesNotMatch(JSON.stringify(mistakes), /hunter2|12345/);
  });

  it('names the KEK’s backup, or `init`, where the KEK is not there: whether there are keys is not known', async () => {
    await using folder = await Folder.make();
    const document = put(put(minimal(), 'store', POSTGRES), 'custody.wrappers.local.kekFile', 'gone');
    const [mistake] = await folder.mistakes(document);
    assert.match(mistake?.message ?? '', /from its backup, or, for a service that never had one/);
  });
});
