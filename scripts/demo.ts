import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { credentialsWithout } from '../test/support/minio-session.ts';
import { startMinio } from '../test/support/minio.ts';
import { waitUntil } from '../test/support/processes.ts';
import { runToEnd, setUp, startService, type Service } from '../test/support/service.ts';
import { assertKeyNowhere, sha256, tombstones, type Slot } from './demo/checks.ts';
import { curlReader } from './demo/exchanges.ts';
import { explainKept, ORIGINS } from './demo/keep.ts';
import { missingCommands } from './demo/needs.ts';
import { pageFiles } from './demo/page.ts';
import { readmeBlocks } from './demo/readme.ts';
import { askWithoutTheKey, plainGet } from './demo/s3-checks.ts';
import { startShell } from './demo/shell.ts';

// Runs README's blocks with curl against the service and a MinIO, both started here, and leaves nothing behind. With --keep both stay
// up until Ctrl-C; --sealslot names an installed program to run in place of this repository's.
const BUCKET = 'uploads';
/** Short lives, so that a deletion can be watched to its end. With --keep, URLs then live longer. */
const [WATCHED_SECONDS, KEPT_SECONDS] = [15, 900];
const KEY_HEADER = 'x-amz-server-side-encryption-customer-key';
const FILE = fileURLToPath(new URL('../package-lock.json', import.meta.url));

const print = (line: string): void => void process.stdout.write(`   ${line}\n`);
let steps = 0;
const outcome = { passed: false };

async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  process.stdout.write(`\n${steps + 1}. ${what}\n`);
  const result = await work();
  steps += 1;
  print('✓');
  return result;
}

interface Options {
  readonly keep: boolean;
  readonly program: string | undefined;
}

async function demo(
  stack: AsyncDisposableStack,
  { keep, program }: Options,
  ended: Promise<unknown>,
): Promise<void> {
  const blocks = readmeBlocks();
  const s3 = await step('An S3 with SSE-C: MinIO over TLS', async () => {
    const server = stack.use(await startMinio({ log: print }));
    await server.createBucket(BUCKET, { versioning: true });
    print(`${server.endpoint}, from ${server.source}; bucket ${BUCKET}, versioned`);
    return server;
  });
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-demo-'));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const options = {
    dir,
    s3,
    // With the first, a client could turn its PUT into a copy of any object; with the second, a form would write to any object key, and
    // the service would not start.
    uploadCredentials: await credentialsWithout(s3, 's3:GetObject', 's3:PutObjectFanOut'),
    ...(program !== undefined && { program }),
    tenant: `urlSeconds: { min: 1, default: ${WATCHED_SECONDS}, max: 3600 }, methods: [PUT, POST, multipart]`,
    yaml: [
      `cors: { origins: [${ORIGINS.join(', ')}] }`,
      'grants: { secretFiles: [grant-secret] }',
      'content: { linkSecretFiles: [link-secret] }',
      'demo: { enabled: true }',
      'retention: { deleteMarginSeconds: 1 }',
      'jobs: { intervalSeconds: 1 }',
      '',
    ].join('\n'),
  };
  for (const secret of ['link-secret', 'grant-secret']) {
    await writeFile(join(dir, secret), randomBytes(32).toString('base64'), { mode: 0o600 });
  }
  await step('sealslot init, sealslot api-key create', async () => {
    print((await setUp(dir, options)).split('\n')[0] ?? '');
  });
  const service = await step('sealslot serve', async () => {
    const started = stack.use(await startService(options));
    print(`${started.url}; ${started.adminUrl}/readyz says ok`);
    return started;
  });

  await step('sealslot doctor: what S3 really does with SSE-C', async () => {
    const said = await runToEnd(dir, options, ['doctor']);
    for (const line of said
      .split('\n')
      .filter((each) => each.startsWith('  ✓'))
      .slice(-12))
      print(line);
    print(said.trim().split('\n').at(-1) ?? '');
  });

  const file = join(dir, 'package-lock.json');
  await copyFile(FILE, file);
  // curl's own configuration, so that README's text stays as it is: every exchange is told on standard error.
  await writeFile(join(dir, '.curlrc'), 'verbose\nno-progress-meter\n');
  const shell = stack.use(
    startShell(
      {
        SEALSLOT: service.url,
        API_KEY: service.token,
        FILE: file,
        CURL_HOME: dir,
        CURL_CA_BUNDLE: s3.caFile,
        NO_PROXY: '*',
        no_proxy: '*',
        PATH: [dirname(process.execPath), process.env.PATH ?? ''].join(delimiter),
      },
      curlReader(print),
    ),
  );

  const slot = await step('Upload by the curl of README: ask, PUT, complete', async () => {
    const completed = JSON.parse(await shell.run(blocks.upload)) as Slot;
    assert.equal(completed.state, 'uploaded');
    assert.equal(KEY_HEADER in (completed.request?.headers ?? {}), false);
    return JSON.parse(await shell.run(`printf '%s\\n' "$slot"`)) as Slot;
  });
  const key = slot.request?.headers[KEY_HEADER] ?? '';
  assert.equal(Buffer.from(key, 'base64').length, 32);

  await step('A second PUT is refused: 412 means "call complete"', async () => {
    const again = `printf '%s' "$slot" | headers .request |
      curl -sS -o /dev/null -w '%{http_code}\\n' -H @- -T "$FILE" "$(printf '%s' "$slot" | json .request.url)"`;
    assert.equal(await shell.run(again), '412');
  });
  await step('S3 refuses even its own root without the key, and with another', async () => {
    const answers = await askWithoutTheKey(s3, BUCKET, slot.objectKey);
    for (const [what, status] of answers) {
      print(`${what}: ${status}`);
      assert.ok(status === 400 || status === 403, `${what} must be refused`);
    }
  });
  await step('Download by the curl of README: the same bytes', async () => {
    await shell.run(blocks.download);
    const [sent, received] = await Promise.all([sha256(file), sha256(`${file}.copy`)]);
    print(`SHA-256 sent     ${sent}`);
    print(`SHA-256 received ${received}`);
    assert.equal(received, sent);
    const url = await shell.run(`printf '%s' "$download" | json .url`);
    const status = await plainGet(url, s3.caPem);
    print(`the same URL without its headers: ${status}`);
    assert.ok(status === 400 || status === 403);
  });
  await step('The customer key lies in no file of the service and in no line of its log', async () => {
    const { files, lines } = await assertKeyNowhere(dir, service, key);
    print(`looked into ${files} files and ${lines} lines`);
  });
  await step('DELETE by the curl of README: object gone, then the key, a tombstone stays', async () => {
    const removed = JSON.parse(await shell.run(blocks.remove)) as Slot;
    assert.ok(removed.state === 'deleting' || removed.state === 'deleted');
    print(
      `${removed.state}; the key is kept until the last upload URL has ended and a margin (24 h by default, 1 s here) has passed`,
    );
    await waitUntil('the tombstone', async () => (await tombstones(service)).includes(slot.id), {
      timeoutMs: 90_000,
    });
    print(`GET /v1/uploads?state=deleted lists ${slot.id}`);
  });

  await step('Upload by an HTML form, by the curl of README', async () => {
    const completed = JSON.parse(await shell.run(blocks.form)) as Slot;
    assert.equal(completed.state, 'uploaded');
  });

  await step('The page /demo, and each file that it leads to', async () => {
    print(`${await pageFiles(service.url)} files`);
  });

  outcome.passed = true;
  if (keep) {
    await lengthenUrls(service);
    process.stdout.write(explainKept(s3, service));
    await ended;
  }
}

async function lengthenUrls(service: Service): Promise<void> {
  const file = join(service.dir, 'sealslot.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(`default: ${WATCHED_SECONDS}`, `default: ${KEPT_SECONDS}`));
  service.signal('SIGHUP');
  await waitUntil('the reload', () => service.stdout().includes('configuration reloaded'));
}

const { keep, sealslot: program } = parseArgs({
  options: { keep: { type: 'boolean', default: false }, sealslot: { type: 'string' } },
}).values;
const missing = await missingCommands();
if (missing.length > 0) {
  process.stderr.write(`The demo needs ${missing.join(' and ')} on the PATH.\n`);
  process.exit(1);
}
// `on`, not `once`: while a listener is there, nothing else ends this process before it has cleaned up.
const ended = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
});
const stack = new AsyncDisposableStack();
const work = demo(stack, { keep, program: program && resolve(program) }, ended);
// What fails because of an interruption is not told.
work.catch(() => undefined);
try {
  await Promise.race([work, ended]);
  if (!outcome.passed) process.stdout.write(`\nInterrupted at step ${steps + 1}.\n`);
} catch (error) {
  outcome.passed = false;
  process.stdout.write(
    `\nFailed at step ${steps + 1}: ${error instanceof Error ? error.message : String(error)}\n`,
  );
}
await stack.disposeAsync();
if (outcome.passed) process.stdout.write(`\n${steps} steps ✓\n`);
process.exit(outcome.passed ? 0 : 1);
