import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { notAllowed, parsePacked } from '../../scripts/package/contents.ts';

const project = new URL('../../', import.meta.url).pathname;
const dir = mkdtempSync(join(tmpdir(), 'sealslot-pack-'));
after(() => rmSync(dir, { recursive: true }));

/** A project that was built and used: what must ship, and beside it what must not. */
const SHIPPED = [
  'dist/page/index.html',
  'dist/page/page.css',
  'dist/page/icon.svg',
  'dist/main.js',
  'dist/main.d.ts',
  'dist/cli/serve.js',
  'dist/cli/serve.d.ts',
];
const LEFT_OUT = [
  'dist/main.js.map',
  'dist/kek.json',
  'dist/page/kek.json',
  'dist/other.html',
  'src/main.ts',
  'test/unit/some.test.ts',
  'scripts/demo.ts',
  'docker/sealslot.yaml',
  'sealslot.yaml',
  'kek.json',
  '.env',
  'data/sealslot.db',
];
const COPIED = ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'sealslot.example.yaml', 'bin'];

for (const path of [...SHIPPED, ...LEFT_OUT]) {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), '// nothing\n');
}
for (const path of COPIED) cpSync(join(project, path), join(dir, path), { recursive: true });

describe('the package', () => {
  // The scripts of the project would build it; scripts/package.ts does that, and looks at the true tarball.
  const pack = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const packed = parsePacked(
    execFileSync('npm', pack, { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  const paths = packed.files.map(({ path }) => path);

  it('holds the program, its types, the licence and the texts', () => {
    assert.deepEqual(
      [...SHIPPED, ...COPIED.slice(0, -1), 'bin/sealslot.js'].filter((path) => !paths.includes(path)),
      [],
    );
  });

  it('holds no source, no test, no map, no configuration and no key', () => {
    assert.deepEqual(notAllowed(packed), []);
    assert.deepEqual(
      LEFT_OUT.filter((path) => paths.includes(path)),
      [],
    );
  });

  it('is checked against a list that a stray file does not pass', () => {
    for (const path of LEFT_OUT)
      assert.deepEqual(notAllowed({ ...packed, files: [{ path, mode: 0 }] }), [path]);
  });
});

describe('bin/sealslot.js', () => {
  it('tells an older Node in one line', () => {
    // Its version is the only thing about an old Node that this file looks at; scripts/package.ts runs a true one.
    const pretend = `Object.defineProperty(process, 'version', { value: 'v20.20.2' })`;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`, join(project, 'bin/sealslot.js')],
      { encoding: 'utf8' },
    );
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /^sealslot needs Node 24 or later, and this is v20\.20\.2 [^\n]*\n$/);
  });

  it('asks for what package.json asks for', async () => {
    const { engines } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as {
      engines: { node: string };
    };
    assert.equal(engines.node, '>=24');
    assert.match(await readFile(join(project, 'bin/sealslot.js'), 'utf8'), /major < 24/);
  });
});
