import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Folder, minimal, put, SECRET } from './folder.ts';

describe('environment overrides', () => {
  it('match names without case, "_" and "-", make sections, and reach into lists', async () => {
    await using folder = await Folder.make();
    const other = await folder.write('other', 'other-secret');
    const document = put(minimal(), 'tenants.big-co', { target: 'main', bucket: 'big-co' });
    const config = await folder.load(document, {
      SEALSLOT_LISTEN__PORT: '8081',
      SEALSLOT_S3__TARGETS__MAIN__PATH_STYLE: 'true',
      SEALSLOT_S3__TARGETS__MAIN__CREDENTIALS__SECRETACCESSKEYFILE: other,
      SEALSLOT_TENANTS__BIG_CO__MAXSIZEBYTES: '10',
      SEALSLOT_TENANTS__ACME__CONTENTTYPES: '[image/*, text/plain]',
      SEALSLOT_AUTH__ISSUERS__0__AUDIENCE: '[one, two]',
      SEALSLOT_CORS: '{origins: ["https://app.example.com"]}',
      UNRELATED: 'x',
    });
    assert.equal(config.listen.port, 8081);
    assert.equal(config.s3.targets.main!.pathStyle, true);
    const credentials = config.s3.targets.main!.credentials;
    assert.equal(credentials.kind === 'static' && credentials.secretAccessKey.reveal(), 'other-secret');
    assert.equal(config.tenants['big-co']!.maxSizeBytes, 10);
    assert.deepEqual(config.tenants.acme!.contentTypes, ['image/*', 'text/plain']);
    assert.deepEqual(config.auth.issuers[0]!.audience, ['one', 'two']);
    assert.deepEqual(config.cors.origins, ['https://app.example.com']);
  });

  it('leave text as it is, unless it is quoted', async () => {
    await using folder = await Folder.make();
    const document = put(minimal(), 's3.targets.main.credentials.secretAccessKeyFile', undefined);
    const secret = async (value: string) => {
      const env = { SEALSLOT_S3__TARGETS__MAIN__CREDENTIALS__SECRETACCESSKEY: value };
      const { credentials } = (await folder.load(document, env)).s3.targets.main!;
      return credentials.kind === 'static' ? credentials.secretAccessKey.reveal() : undefined;
    };
    assert.equal(await secret('0123456'), '0123456');
    assert.equal(await secret('*a #b: c'), '*a #b: c');
    assert.equal(await secret('"in quotes"'), 'in quotes');
  });

  it('that match nothing, or more than one name, are mistakes without their value', async () => {
    await using folder = await Folder.make();
    const document = minimal();
    put(document, 'tenants.a-b', { target: 'main', bucket: 'bucket' });
    put(document, 'tenants.a_b', { target: 'main', bucket: 'bucket' });
    const mistakes = await folder.mistakes(document, {
      SEALSLOT_LISTEN__PROT: SECRET,
      SEALSLOT_TENANTS__NEW__BUCKET: SECRET,
      SEALSLOT_TENANTS__A_B__BUCKET: SECRET,
      SEALSLOT_AUTH__ISSUERS__1__TENANT: SECRET,
      SEALSLOT_STORE__PATH__DEEPER: SECRET,
      SEALSLOT_UNKNOWN: SECRET,
      SEALSLOT_JOBS: `{${SECRET}`,
    });
    assert.deepEqual(
      mistakes.map(({ path }) => path),
      [
        'SEALSLOT_AUTH__ISSUERS__1__TENANT',
        'SEALSLOT_JOBS',
        'SEALSLOT_LISTEN__PROT',
        'SEALSLOT_STORE__PATH__DEEPER',
        'SEALSLOT_TENANTS__A_B__BUCKET',
        'SEALSLOT_TENANTS__NEW__BUCKET',
        'SEALSLOT_UNKNOWN',
      ],
    );
    assert.ok(!JSON.stringify(mistakes).includes(SECRET));
    assert.match(mistakes[2]!.message, /did you mean port/);
  });

  it('are checked like the rest', async () => {
    await using folder = await Folder.make();
    const mistakes = await folder.mistakes(minimal(), { SEALSLOT_LISTEN__PORT: 'many' });
    assert.deepEqual(mistakes, [{ path: 'listen.port', value: '"many"', message: 'must be a whole number' }]);
  });

  it('leave out SEALSLOT_CONFIG and what an orchestrator sets for a service of this name', async () => {
    await using folder = await Folder.make();
    const env = {
      SEALSLOT_CONFIG: '/etc/sealslot.yaml',
      SEALSLOT_SERVICE_HOST: '10.0.0.1',
      SEALSLOT_SERVICE_PORT_HTTP: '80',
      SEALSLOT_PORT: 'tcp://10.0.0.1:80',
      SEALSLOT_PORT_80_TCP_ADDR: '10.0.0.1',
    };
    assert.deepEqual(await folder.mistakes(minimal(), env), []);
  });
});
