import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { readmeBlocks } from '../../scripts/demo/readme.ts';

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

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

  it('hands files to curl by their names, which it would read as patterns', async () => {
    for (const path of ['README.md', 'docs/recipes.md', 'src/page/curl.ts']) {
      const commands = (await read(path)).split('\n').filter((line) => /curl .* (-T|-o) "\$/.test(line));
      assert.ok(commands.length > 0, path);
      for (const command of commands) assert.match(command, / --globoff /, path);
    }
  });

  it('has the blocks that the demo runs', () => {
    assert.match(readmeBlocks().upload, /complete/);
  });
});
