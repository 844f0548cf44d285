/**
 * The Dockerfile and docker-compose.yml without an engine: runs the instructions one by one in folders that stand for the stages, and what
 * compose would start from the last one, as a user who may write to the volumes only. What this cannot show is named in docs/container.md.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startNginx } from '../test/support/nginx.ts';
import { freePorts, waitUntil } from '../test/support/processes.ts';
import { Checks } from './checks.ts';
import { readmeBlocks } from './demo/readme.ts';
import { startShell } from './demo/shell.ts';
import { build, copyContext } from './dockerfile/build.ts';
import { readCompose } from './dockerfile/compose.ts';
import { runDetached, runToEnd, type Container } from './dockerfile/container.ts';
import { outside } from './dockerfile/image.ts';
import { parseDockerfile } from './dockerfile/parse.ts';
import { startScale } from './dockerfile/scale.ts';
import { configure, mount, prepare, startMinio } from './dockerfile/stack.ts';
import { listing, megabytes, setWritable } from './dockerfile/tree.ts';

const project = resolve(import.meta.dirname, '..');
const checks = new Checks();
const compose = readCompose();
const containers: Container[] = [];
const dir = mkdtempSync(join(tmpdir(), 'sealslot-dockerfile-'));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
process.once('exit', () => {
  for (const container of containers) container.kill();
  // Only root can remove from a folder that it may not write to.
  setWritable(dir, true);
  rmSync(dir, { recursive: true, force: true });
});
// For the image's user, who is another than the one that made it.
chmodSync(dir, 0o755);

await checks.check('docker-compose.yml: docker-compose config', () => {
  for (const profile of [[], ['--profile', 'scale']])
    execFileSync('docker-compose', [...profile, 'config', '--quiet'], {
      cwd: project,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
});

const context = join(dir, 'context');
copyContext(project, context);
const stages = parseDockerfile(readFileSync(join(project, 'Dockerfile'), 'utf8'));
const image = await build(stages, context, dir, (line) => console.log(line));
const app = outside(image, '/app');

await checks.check('the image holds production dependencies, dist and bin, and nothing else', () => {
  const { devDependencies } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const packages = Object.keys(devDependencies).map((name) => join(app, 'node_modules', name));
  const files = listing(app);
  assert.deepEqual(
    packages.filter((path) => files.includes(path)),
    [],
  );
  const other = listing(
    app,
    ['node_modules', 'dist', 'bin'].map((name) => join(app, name)),
  );
  assert.deepEqual(other.map((line) => line.slice(app.length + 1).split(' ')[0]).sort(), [
    'LICENSE',
    'package.json',
  ]);
  const [dist, modules] = ['dist', 'node_modules'].map((name) => megabytes(join(app, name)));
  return `/app ${megabytes(app)}, of it dist ${dist}, node_modules ${modules}`;
});
await mount(image, project);
setWritable(app, false);
const places = ['/data', '/keys', '/ca', '/certs', '/s3', '/minio'].map((path) => outside(image, path));

await checks.check('prepare: CA, certificate for localhost and minio, password; once', () =>
  prepare(image, compose),
);
const minio = await startMinio(image, compose);
containers.push(minio.container);
configure(image, project, minio.port);
const untouched = listing(image.root, places);

await checks.check('setup: KEK, bucket, API key; once', async () => {
  const { entrypoint = [], command = [] } = compose.services.setup;
  const files = ['/keys/kek.json', '/keys/api-key'];
  const read = (): string[] => files.map((path) => readFileSync(outside(image, path), 'utf8'));
  const run = async (): Promise<string[]> => {
    const { code, output } = await runToEnd(image, [...entrypoint, ...command]);
    assert.equal(code, 0, output);
    assert.ok(!output.includes('slk_'), 'the API key must not be printed');
    return read();
  };
  const first = await run();
  assert.deepEqual(await run(), first);
  for (const path of files) assert.equal(statSync(outside(image, path)).mode & 0o777, 0o600);
});

const [apiPort = 0, adminPort = 0] = await freePorts(2);
const env = {
  // The image's own is 0.0.0.0, which is for containers.
  SEALSLOT_LISTEN__HOST: '127.0.0.1',
  SEALSLOT_LISTEN__PORT: String(apiPort),
  SEALSLOT_ADMIN__PORT: String(adminPort),
};
const docker = (...command: string[]) => runToEnd(image, [...image.entrypoint, ...command], env);
const health = async (): Promise<number | null> => (await runToEnd(image, image.healthcheck, env)).code;
const readiness = async (): Promise<number | null> => {
  const [, ...test] = compose.services.sealslot.healthcheck?.test ?? [];
  const command = test.map((word) => word.replace(':9464', `:${adminPort}`));
  return (await runToEnd(image, command, env)).code;
};

await checks.check('docker run IMAGE --version', async () => {
  const { code, output } = await docker('--version');
  assert.equal(code, 0, output);
  return output.trim();
});
await checks.check('the health checks say 1 before the start', async () => {
  assert.deepEqual([await health(), await readiness()], [1, 1]);
});
const service = runDetached(image, [...image.entrypoint, ...image.command], env);
containers.push(service);
await checks.check('docker run IMAGE: serves, and both health checks say 0', async () => {
  await waitUntil('the health check', async () => (await health()) === 0, { timeoutMs: 15_000 }).catch(
    (error: unknown) => assert.fail(`${String(error)}\n${service.output()}`),
  );
  assert.equal(await readiness(), 0);
});
await checks.check('docker run IMAGE doctor', async () => {
  const { code, output } = await docker('doctor');
  assert.equal(code, 0, output);
  return output.trim().split('\n').at(-1);
});
await checks.check('the curl of README: upload, download, delete', () =>
  readmeCurl(`http://127.0.0.1:${apiPort}`, readFileSync(outside(image, '/keys/api-key'), 'utf8')),
);
await checks.check('docker stop: ends by itself with 0', async () => {
  const { code, output } = await service.stop();
  assert.equal(code, 0, output);
});
await checks.check('nothing was written but to the volumes', () => {
  assert.deepEqual(listing(image.root, places), untouched);
  return process.getuid?.() === 0 ? `as ${image.user}` : 'as the user of this run';
});

const scale = await startScale(image, {
  ...{ project, compose, minioPort: minio.port, checks },
  started: (container) => containers.push(container),
});
const nginx = await startNginx(scale.replicas);
const apiKey = readFileSync(outside(scale.image, '/keys/api-key'), 'utf8');
await checks.check('scale: the curl of README through nginx', () => readmeCurl(nginx.url, apiKey));
await checks.check('scale: a replica ends by itself with 0, and the other one goes on', async () => {
  const [first] = containers.slice(-2);
  const { code, output } = (await first?.stop()) ?? assert.fail('no replica');
  assert.equal(code, 0, output);
  await readmeCurl(nginx.url, apiKey);
});
await nginx.stop();
// In this order each can say goodbye to the next.
for (const container of containers.toReversed()) await container.stop();
checks.sumUp();
process.exit();

/** An upload, a download and a delete. */
async function readmeCurl(url: string, key: string): Promise<void> {
  const file = join(dir, 'report.txt');
  writeFileSync(file, 'a report\n');
  await using shell = startShell(
    {
      SEALSLOT: url,
      API_KEY: key,
      CURL_CA_BUNDLE: outside(image, '/ca/ca.crt'),
      FILE: file,
      NO_PROXY: '*',
    },
    (line) => console.log(`  ${line}`),
  );
  const { upload, download, remove } = readmeBlocks();
  assert.match(await shell.run(upload), /"uploaded"/);
  await shell.run(download);
  assert.match(await shell.run(remove), /"delet(ing|ed)"/);
}
