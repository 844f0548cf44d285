import assert from 'node:assert/strict';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createServer } from '../../../src/http/server.ts';
import { freePort, startProcess, waitUntil } from '../../support/processes.ts';
import { blocksOf, readPage, ROOT } from '../docs/pages.ts';
import { place, SLOT } from './world.ts';

describe('docs/plugin.md', () => {
  it('shows an application that works as it is printed', async () => {
    await using at = await place();
    const block = (await blocksOf('docs/plugin.md')).find(({ info }) => info === 'js app');
    assert.ok(block !== undefined);
    await writeFile(join(at.dir, 'app.js'), block.text);
    await writeFile(join(at.dir, 'package.json'), '{ "type": "module" }');
    // As npm installs it, but not built: scripts/package.ts runs what is.
    const modules = join(at.dir, 'node_modules');
    await mkdir(join(modules, 'sealslot'), { recursive: true });
    await symlink(new URL('node_modules/fastify', ROOT).pathname, join(modules, 'fastify'));
    await writeFile(
      join(modules, 'sealslot/package.json'),
      '{ "name": "sealslot", "type": "module", "exports": "./index.js" }',
    );
    const source = new URL('src/index.ts', ROOT).href;
    await writeFile(join(modules, 'sealslot/index.js'), `export * from ${JSON.stringify(source)};`);
    const port = await freePort();
    const running = await startProcess(process.execPath, ['app.js'], {
      cwd: at.dir,
      env: { PORT: String(port) },
      log: () => undefined,
    });
    const url = `http://127.0.0.1:${port}`;
    try {
      await waitUntil(
        'the application',
        () =>
          fetch(`${url}/health`).then(
            ({ status }) => status === 200,
            () => false,
          ),
        { running },
      );
      const ask = (headers: Record<string, string>) =>
        fetch(`${url}/files/v1/uploads`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(SLOT),
        });
      assert.equal((await ask({})).status, 401);
      const made = await ask({ 'x-demo-user': 'alice' });
      assert.equal(made.status, 201);
      assert.match(made.headers.get('location') ?? '', /^\/files\/v1\/uploads\//);
    } finally {
      await running.stop();
      await rm(modules, { recursive: true });
    }
    assert.equal(running.exitCode(), 0);
  });

  it('names the settings that a server of our own has', async () => {
    const page = await readPage('docs/plugin.md');
    const { initialConfig } = createServer();
    const settings = initialConfig as unknown as Record<string, unknown> & {
      routerOptions: { maxParamLength: number };
    };
    for (const [name, shown] of [
      ['requestTimeout', `${Number(settings['requestTimeout']) / 1000} s`],
      ['keepAliveTimeout', `${Number(settings['keepAliveTimeout']) / 1000} s`],
      ['routerOptions.maxParamLength', String(settings.routerOptions.maxParamLength)],
    ] as const)
      assert.match(page, new RegExp(`\\| \`${name.replace('.', '\\.')}\` +\\| ${shown} +\\|`), name);
  });
});
