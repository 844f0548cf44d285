import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DEFAULTS } from '../../../src/config/defaults.ts';
import { ConfigErrors, formatMistakes } from '../../../src/config/errors.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { Secret } from '../../../src/secret.ts';
import { Folder, minimal, put, SECRET } from './folder.ts';

describe('loadConfig', () => {
  it('fills in every default', async () => {
    await using folder = await Folder.make();
    const config = await folder.load(minimal());
    assert.deepEqual(config.listen, { host: '127.0.0.1', port: 8080 });
    assert.deepEqual(config.admin, { host: '127.0.0.1', port: 9464 });
    assert.equal(config.log.level, 'info');
    assert.deepEqual(config.cors.origins, []);
    assert.equal(config.custody.current, 'local');
    assert.equal(config.s3.targets.main!.publicEndpoint.href, 'https://s3.example.com/');
    assert.equal(config.s3.targets.main!.pathStyle, false);
    assert.deepEqual(config.auth.issuers[0]!.types, ['jwt', 'at+jwt']);
    assert.equal(config.auth.issuers[0]!.scopesClaim, 'scope');
    assert.deepEqual(
      { ...config.tenants.acme, webhooks: { ...config.tenants.acme!.webhooks } },
      {
        target: 'main',
        bucket: 'acme-uploads',
        objectKeyTemplate: '{tenant}/{prefix}/{yyyy}/{mm}/{id}/{filename}',
        maxSizeBytes: 5_000_000_000,
        contentTypes: ['*'],
        urlSeconds: { min: 60, default: 900, max: 3600 },
        slotSeconds: 86_400,
        requireSha256: false,
        methods: ['PUT', 'multipart'],
        verify: 'head',
        rejected: 'keep',
        limits: {},
        webhooks: {},
      },
    );
    assert.deepEqual(config.content, { origin: undefined, linkSecrets: [], ...DEFAULTS.content });
    assert.equal(config.grants, undefined);
    assert.deepEqual(config.retention, {
      keySeconds: 2_592_000,
      deleteMarginSeconds: 86_400,
      endedSeconds: 7_776_000,
    });
    assert.equal(config.jobs.intervalSeconds, 10);
  });

  it('resolves paths from the folder of the file', async () => {
    await using folder = await Folder.make();
    const config = await folder.load(minimal());
    assert.deepEqual(config.store, { kind: 'sqlite', path: join(folder.root, 'slots.db') });
    assert.deepEqual(config.custody.wrappers['local'], { kind: 'local', kekFile: join(folder.root, 'kek') });
  });

  it('reads and trims secret files, and prints none of them', async () => {
    await using folder = await Folder.make();
    await folder.write('token', ' session-token\n');
    const config = await folder.load(put(minimal(), 's3.targets.main.credentials.sessionTokenFile', 'token'));
    const credentials = config.s3.targets.main!.credentials;
    assert.ok(credentials.kind === 'static' && credentials.secretAccessKey instanceof Secret);
    assert.equal(credentials.secretAccessKey.reveal(), SECRET);
    assert.equal(credentials.sessionToken?.reveal(), 'session-token');
    assert.doesNotMatch(JSON.stringify(config), new RegExp(`${SECRET}|session-token`));
  });

  it('is deep-frozen, and finds nothing under names that every object has', async () => {
    await using folder = await Folder.make();
    const config = await folder.load(minimal());
    for (const part of [
      config,
      config.tenants,
      config.tenants.acme!.urlSeconds,
      config.auth.issuers[0]!.types,
    ])
      assert.ok(Object.isFrozen(part));
    assert.equal(config.tenants.constructor, undefined);
    assert.equal(config.s3.targets.constructor, undefined);
  });

  it('normalises issuers', async () => {
    await using folder = await Folder.make();
    await folder.write('jwks.json', '{"keys":[]}');
    const document = minimal();
    const { issuer, algorithms } = document.auth.issuers[0]!;
    const changed = { issuer, algorithms, audience: ['a', 'b'], jwksFile: 'jwks.json', tenantClaim: 'org' };
    put(document, 'auth.issuers', [{ ...changed, types: ['application/AT+JWT', 'none'] }]);
    const [built] = (await folder.load(document)).auth.issuers;
    assert.deepEqual(built!.audience, ['a', 'b']);
    assert.deepEqual(built!.types, ['at+jwt', '']);
    assert.deepEqual(built!.jwks, { kind: 'file', path: join(folder.root, 'jwks.json') });
    assert.deepEqual(built!.tenant, { kind: 'claim', claim: 'org' });
  });

  it('takes http on loopback for key sets and origins', async () => {
    await using folder = await Folder.make();
    const document = put(minimal(), 'auth.issuers.0.jwksUrl', 'http://127.0.0.1:9000/jwks');
    const config = await folder.load(put(document, 'cors.origins', ['http://localhost:5173']));
    assert.deepEqual(config.cors.origins, ['http://localhost:5173']);
  });

  it('reports every mistake at once, of the schema and of the rest, without secrets', async () => {
    await using folder = await Folder.make();
    const document = minimal();
    put(document, 'listen.prot', 1);
    put(document, 'log.level', 'loud');
    put(document, 'custody.wrappers.local.kekFile', 'gone');
    put(document, 's3.targets.main.endpoint', 'http://s3.example.com');
    put(document, 's3.targets.main.credentials.secretAccesKey', SECRET);
    put(document, 's3.targets.main.credentials.secretAccessKey', SECRET);
    put(document, 'tenants.acme.target', 'mian');
    put(document, 'tenants.acme.urlSeconds', { max: 700_000, min: 0 });
    put(document, 'auth.issuers.0.algorithms', ['HS256']);
    const error = await folder.load(document).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof ConfigErrors);
    assert.equal(error.code, 'invalid_configuration');
    const credentials = 's3.targets.main.credentials';
    assert.deepEqual(error.mistakes.map(({ path }) => path).sort(), [
      'auth.issuers[0].algorithms[0]',
      'custody.wrappers.local.kekFile',
      'listen.prot',
      'log.level',
      `${credentials}.secretAccesKey`,
      `${credentials}.secretAccessKeyFile`,
      's3.targets.main.endpoint',
      'tenants.acme.target',
      'tenants.acme.urlSeconds.max',
      'tenants.acme.urlSeconds.min',
    ]);
    const lines = formatMistakes(error).trimEnd().split('\n');
    assert.equal(lines.length, error.mistakes.length);
    assert.ok(lines.includes('listen.prot: is not known here, did you mean port?'));
    assert.ok(lines.includes('log.level = "loud": must be one of fatal, error, warn, info, debug, silent'));
    assert.ok(!`${formatMistakes(error)}${error.message}${error.stack ?? ''}`.includes(SECRET));
  });

  it('says so when the file itself is missing', async () => {
    await assert.rejects(loadConfig({ path: '/nowhere/sealslot.yaml', env: {} }), (error: ConfigErrors) => {
      assert.deepEqual(
        error.mistakes.map(({ path }) => path),
        ['/nowhere/sealslot.yaml'],
      );
      return true;
    });
  });

  it('loads the example', async () => {
    await using folder = await Folder.make();
    await folder.write('kek.json', 'x');
    await folder.write('secrets/s3-secret', SECRET);
    await folder.write('data/.keep', '');
    const example = await readFile(new URL('../../../sealslot.example.yaml', import.meta.url), 'utf8');
    const config = await folder.load(example);
    assert.equal(config.tenants.acme!.maxSizeBytes, 100_000_000);
    // What it shows behind "# " must be good too, and must be the defaults.
    const shown = example.replace(/^( *)# (\w+: (?!.*…).*|retention:|  \w+: (?!.*…).*)$/gm, '$1$2');
    assert.notEqual(shown, example);
    const all = await folder.load(shown.replace(/^.*caFile: .*$/gm, ''));
    assert.deepEqual({ ...all, custody: config.custody }, config);
    assert.deepEqual(all.custody, {
      ...config.custody,
      hierarchy: DEFAULTS.hierarchy,
      recovery: { target: 'main', bucket: 'acme-recovery' },
    });
  });
});
