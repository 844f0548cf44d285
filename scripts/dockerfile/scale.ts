import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { openbaoProgram } from '../../test/support/openbao.ts';
import { postgresPrograms } from '../../test/support/postgres.ts';
import { answers, freePorts, waitUntil } from '../../test/support/processes.ts';
import type { Checks } from '../checks.ts';
import type { Compose } from './compose.ts';
import { runDetached, runToEnd, type Container } from './container.ts';
import { outside, pathsOutside, type Image } from './image.ts';

const OWN_VOLUMES = [
  ...['/scale-ca', '/certs', '/keys', '/postgres-secret', '/openbao-data', '/openbao-seal', '/openbao-login'],
  '/var/lib/postgresql/data',
];
/** Of the single service: its MinIO serves both. */
const SHARED_VOLUMES = ['/ca', '/s3'];

export interface Scale {
  readonly image: Image;
  /** `host:port` of both replicas. */
  readonly replicas: readonly [string, string];
}

/** What `docker compose --profile scale up balancer` starts, but for MinIO, which runs, and for nginx. */
export async function startScale(
  single: Image,
  options: {
    readonly project: string;
    readonly compose: Compose;
    readonly minioPort: number;
    readonly checks: Checks;
    readonly started: (container: Container) => void;
  },
): Promise<Scale> {
  const { project, checks, minioPort, started } = options;
  const { services } = options.compose;
  const image = await treeOf(single, project);
  const [baoPort = 0, clusterPort = 0, postgresPort = 0, ...replicaPorts] = await freePorts(7);
  const ca = (): string => readFileSync(outside(image, '/scale-ca/ca.crt'), 'utf8');

  const once = async (
    name: 'prepare-scale' | 'setup-openbao' | 'setup-scale',
    files: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<void> => {
    const { entrypoint = [], command = [], environment = {} } = services[name];
    const run = async (): Promise<string[]> => {
      const { code, output } = await runToEnd(image, [...entrypoint, ...command], { ...environment, ...env });
      assert.equal(code, 0, output);
      return files.map((path) => readFileSync(outside(image, path), 'latin1'));
    };
    const first = await run();
    assert.deepEqual(await run(), first, 'a second run must leave all as it is');
  };

  await checks.check('scale: prepare-scale: CA, certificate, passwords; once', () =>
    once('prepare-scale', [
      ...['/scale-ca/ca.crt', '/certs/public.crt', '/postgres-secret/password', '/openbao-seal/password'],
    ]),
  );

  const hcl = readFileSync(join(project, 'docker/scale/openbao.hcl'), 'utf8')
    .replaceAll('0.0.0.0:8200', `127.0.0.1:${baoPort}`)
    .replaceAll('0.0.0.0:8201', `127.0.0.1:${clusterPort}`)
    .replaceAll('openbao:8200', `localhost:${baoPort}`)
    .replaceAll('openbao:8201', `localhost:${clusterPort}`)
    .replaceAll('file:///', 'file:// /');
  put(image, '/etc/openbao.hcl', pathsOutside(image, hcl).replaceAll('file:// ', 'file://'));
  const { entrypoint: bao = [] } = services.openbao;
  started(
    runDetached(
      image,
      bao.map((word) => pathsOutside(image, word)),
    ),
  );
  await checks.check(
    'scale: setup-openbao: a derived key and a login; once, and root’s token is gone',
    async () => {
      await once('setup-openbao', ['/openbao-login/secret-id'], { BAO_ADDR: `https://localhost:${baoPort}` });
      assert.ok(!existsSync(outside(image, '/openbao-seal/root-token')));
      assert.ok(await answers(`https://localhost:${baoPort}/v1/sys/health`, ca()));
    },
  );

  await checks.check('scale: postgres: TLS alone, and with the password', async () => {
    started(await startPostgres(image, project, options.compose, postgresPort));
    const ask = (ssl: object | false, password: string): Promise<unknown> =>
      connect(postgresPort, ssl, password);
    const password = readFileSync(outside(image, '/postgres-secret/password'), 'utf8');
    await waitUntil('PostgreSQL', () =>
      ask({ ca: ca() }, password).then(
        () => true,
        () => false,
      ),
    );
    await assert.rejects(ask(false, password), /no pg_hba.conf entry/);
    await assert.rejects(ask({ ca: ca() }, 'wrong'), /authentication failed/);
  });

  const config = readFileSync(join(project, 'docker/scale/sealslot.yaml'), 'utf8')
    .replace(/(minio|localhost):9000/g, `localhost:${minioPort}`)
    .replace('host: postgres', `host: localhost\n  port: ${postgresPort}`)
    .replace('openbao:8200', `localhost:${baoPort}`);
  put(image, '/etc/sealslot/sealslot.yaml', pathsOutside(image, config));
  await checks.check('scale: setup-scale: bucket and API key; once', () =>
    once('setup-scale', ['/keys/api-key']),
  );

  const addresses: string[] = [];
  for (const [name, port = 0, adminPort = 0] of [
    ['replica-1', ...replicaPorts.slice(0, 2)],
    ['replica-2', ...replicaPorts.slice(2)],
  ] as const) {
    await checks.check(`scale: ${name}: ready`, async () => {
      const env = {
        SEALSLOT_LISTEN__HOST: '127.0.0.1',
        SEALSLOT_LISTEN__PORT: String(port),
        SEALSLOT_ADMIN__PORT: String(adminPort),
      };
      const container = runDetached(image, [...image.entrypoint, ...image.command], env);
      started(container);
      const [, ...test] = services[name].healthcheck?.test ?? [];
      const command = test.map((word) => word.replace(':9464', `:${adminPort}`));
      await waitUntil(name, async () => (await runToEnd(image, command, env)).code === 0).catch(
        (error: unknown) => assert.fail(`${String(error)}\n${container.output()}`),
      );
    });
    addresses.push(`127.0.0.1:${port}`);
  }
  const [first = '', second = ''] = addresses;
  return { image, replicas: [first, second] };
}

/** The image once more, with the volumes of the profile. */
async function treeOf(single: Image, project: string): Promise<Image> {
  const image: Image = { ...single, root: `${single.root}-scale` };
  for (const folder of ['/app', '/usr/local/bin', ...SHARED_VOLUMES])
    cpSync(outside(single, folder), outside(image, folder), { recursive: true, verbatimSymlinks: true });
  for (const path of [...OWN_VOLUMES, ...SHARED_VOLUMES, '/data']) {
    mkdirSync(outside(image, path), { recursive: true });
    own(outside(image, path));
  }
  own(outside(image, '/s3/password'));
  cpSync(join(project, 'docker/scale/openbao-setup.ts'), outside(image, '/app/docker/openbao-setup.ts'));
  copyFileSync(await openbaoProgram(), outside(image, '/usr/local/bin/bao'));
  chmodSync(image.root, 0o755);
  return image;
}

/** What the entry point of the official image does with a new volume, then its command. */
async function startPostgres(
  image: Image,
  project: string,
  compose: Compose,
  port: number,
): Promise<Container> {
  const { command = [], environment = {} } = compose.services.postgres;
  const value = (name: string): string => environment[name] ?? assert.fail(`postgres has no ${name}`);
  const programs = await postgresPrograms();
  const cluster = outside(image, value('PGDATA'));
  put(image, '/etc/postgresql/pg_hba.conf', readFileSync(join(project, 'docker/scale/pg_hba.conf'), 'utf8'));
  // Through a shell: these programs are this machine's, in no tree.
  const shell = (line: string): string[] => ['sh', '-c', `exec ${line}`];
  const passwordFile = outside(image, value('POSTGRES_PASSWORD_FILE'));
  const made = await runToEnd(
    image,
    shell(
      `${programs}/initdb -D ${cluster} -U ${value('POSTGRES_USER')} --pwfile=${passwordFile} ${value('POSTGRES_INITDB_ARGS')}`,
    ),
  );
  assert.equal(made.code, 0, made.output);
  const single = `echo 'CREATE DATABASE ${value('POSTGRES_DB')}' | ${programs}/postgres --single -D ${cluster} postgres`;
  const database = await runToEnd(image, ['sh', '-c', single]);
  assert.equal(database.code, 0, database.output);
  const [, ...settings] = command.map((word) => pathsOutside(image, word));
  const here = `-c port=${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=`;
  return runDetached(image, shell(`${programs}/postgres -D ${cluster} ${settings.join(' ')} ${here}`));
}

/** Logs in, and out again. */
async function connect(port: number, ssl: object | false, password: string): Promise<void> {
  const client = new pg.Client({
    ...{ host: 'localhost', port, user: 'sealslot', database: 'sealslot', password, ssl },
  });
  try {
    await client.connect();
  } finally {
    await client.end().catch(() => undefined);
  }
}

function put(image: Image, path: string, text: string): void {
  mkdirSync(dirname(outside(image, path)), { recursive: true });
  writeFileSync(outside(image, path), text);
}

/** To the image's user, where this is root. */
function own(path: string): void {
  if (process.getuid?.() === 0) chownSync(path, 1000, 1000);
}
