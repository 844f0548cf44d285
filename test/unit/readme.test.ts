import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readmeBlocks } from '../../scripts/demo/readme.ts';
import { loadConfig } from '../../src/config/load.ts';
import { STATUS_BY_CODE } from '../../src/http/problem.ts';

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('docs/errors.md', () => {
  it('lists exactly the codes that the API answers, with their statuses', async () => {
    const rows = (await read('docs/errors.md')).matchAll(/^\| `([a-z_]+)` *\| (\d{3}) /gm);
    const listed = Array.from(rows, ([, code, status]) => [code, Number(status)]);
    assert.deepEqual(listed, Object.entries(STATUS_BY_CODE));
  });
});

describe('README.md', () => {
  it('names only npm commands that exist', async () => {
    const { scripts } = JSON.parse(await read('package.json')) as { scripts: Record<string, string> };
    const named = Array.from(
      (await read('README.md')).matchAll(/npm run (?:-s )?([a-z:]+)/g),
      (found) => found[1] ?? '',
    );
    assert.ok(named.length > 0);
    assert.deepEqual(
      named.filter((name) => !Object.hasOwn(scripts, name)),
      [],
    );
    assert.ok(Object.hasOwn(scripts, 'test'), 'npm cit');
  });

  it('has the blocks that the demo runs', () => {
    assert.match(readmeBlocks().upload, /complete/);
  });

  it('shows a configuration that loads', async () => {
    const yaml = /^ *```yaml\n(.*?)^ *```$/ms.exec(await read('README.md'))?.[1] ?? '';
    const dir = await mkdtemp(join(tmpdir(), 'sealslot-readme-'));
    try {
      await mkdir(join(dir, 'data'));
      await writeFile(join(dir, 'kek.json'), '{}', { mode: 0o600 });
      await writeFile(join(dir, 'sealslot.yaml'), yaml.replace(/^ {3}/gm, ''));
      const config = await loadConfig({ path: join(dir, 'sealslot.yaml'), env: {} });
      assert.deepEqual(Object.keys(config.tenants), ['acme']);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('links to files that exist', async () => {
    const links = Array.from(
      (await read('README.md')).matchAll(/\]\(([^)#:]+)\)/g),
      (found) => found[1] ?? '',
    );
    for (const link of links) if (link !== 'docs/decisions') await read(link);
  });
});
