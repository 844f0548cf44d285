import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { pythonVenv } from '../support/python.ts';
import { startService, type Service } from '../support/service.ts';
import { start, type Ended } from './support-partner.ts';

const REQUIREMENTS = new URL('../support/requirements-python-client.txt', import.meta.url).pathname;
const PROGRAM = new URL('../support/generated_client.py', import.meta.url).pathname;
const DOCUMENT = new URL('../../openapi/openapi.json', import.meta.url).pathname;
const PACKAGE = 'sealslot_api';

const venv = await available(async () => ({
  bin: await pythonVenv('python-client', REQUIREMENTS),
  stop: async () => undefined,
}));
const minio = await available(() => startMinio());

describe(
  'a client that openapi-python-client makes of our document',
  { skip: venv.skip || minio.skip },
  () => {
    let dir: string;
    let service: Service;
    let generated: Ended;
    const run = (command: string, args: readonly string[], env: object = {}): Promise<Ended> => {
      const PATH = [venv.get().bin, process.env['PATH'] ?? ''].join(delimiter);
      return start(join(venv.get().bin, command), args, { cwd: dir, env: { PATH, ...env } }).ended;
    };
    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'sealslot-generated-'));
      await minio.get().createBucket('uploads');
      await copyFile(PROGRAM, join(dir, 'program.py'));
      const secret = join(dir, 'grant-secret');
      await writeFile(secret, randomBytes(32).toString('base64'), { mode: 0o600 });
      service = await startService({ s3: minio.get(), yaml: `grants: { secretFiles: [${secret}] }\n` });
      generated = await run('openapi-python-client', [
        ...['generate', '--path', DOCUMENT, '--meta', 'none', '--output-path', PACKAGE],
      ]);
    });
    after(async () => {
      await service[Symbol.asyncDispose]();
      await minio.stop();
      await rm(dir, { recursive: true });
    });

    it('is made without a warning', () => {
      assert.equal(generated.status, 0, generated.stderr);
      assert.equal(`${generated.stdout}${generated.stderr}`.trim(), `Generating ${PACKAGE}`);
    });

    it('has a function for each operation, and a type for each schema, under their own names', async () => {
      const { paths, components } = JSON.parse(await readFile(DOCUMENT, 'utf8')) as {
        paths: Record<string, Record<string, { operationId: string; tags: string[] }>>;
        components: { schemas: Record<string, unknown> };
      };
      const python = (name: string): string => name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '_').toLowerCase();
      const made = await readdir(join(dir, PACKAGE), { recursive: true });
      for (const operation of Object.values(paths).flatMap((path) => Object.values(path))) {
        const file = `api/${operation.tags[0] ?? ''}/${python(operation.operationId)}.py`;
        assert.ok(made.includes(file), file);
      }
      const models = made
        .filter((name) => /^models\/(?!__)\w+\.py$/.test(name))
        .map((name) => name.slice(7, -3));
      const named = Object.keys(components.schemas).map((name) => python(name));
      // What one member alone has, a map or an enumeration, is named after both; an unnamed member of a list would be an `…_item`.
      const isOfMember = (model: string): boolean =>
        named.some((name) => model.startsWith(`${name}_`)) && !/_item$|_type_\d|def_?\d/.test(model);
      assert.deepEqual(
        models.filter((model) => !named.includes(model) && !isOfMember(model)),
        [],
      );
      // A union of three classes, and bytes: Python needs no class for them.
      assert.deepEqual(named.filter((name) => !models.includes(name)).sort(), ['content', 'upload_request']);
    });

    it('uploads whole and in parts, mints a grant, reads back, and knows what is refused', async () => {
      const ended = await run('python', ['program.py', service.url], {
        SEALSLOT_API_KEY: service.token,
        S3_CA: minio.get().caFile,
        NO_PROXY: '*',
        PYTHONDONTWRITEBYTECODE: '1',
      });
      assert.equal(ended.status, 0, ended.stderr);
      assert.deepEqual(JSON.parse(ended.stdout), {
        puts: [200, 412],
        parts: [5 * 1024 ** 2, 8],
        states: [true, true, true, true],
        content: true,
        exhausted: 'grant_exhausted',
        refused: [400, '/contentType'],
      });
    });
  },
);
