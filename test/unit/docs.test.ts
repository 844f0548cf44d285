import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import type { Command } from 'commander';
import { parse, stringify } from 'yaml';
import { OPERATOR_CODES } from '../../scripts/docs/errors.ts';
import { render } from '../../scripts/docs/render.ts';
import { createProgram } from '../../src/cli/program.ts';
import { loadConfig } from '../../src/config/load.ts';
import { CODES } from '../../src/http/codes.ts';
import { blocksOf, pageNames, readPage, ROOT, type Block } from './docs/pages.ts';

describe('the Markdown files', () => {
  it('say what the code says (`npm run docs`)', async () => {
    const pages = await render();
    assert.ok(pages.filter(({ was }) => was.includes('<!-- generated')).length >= 4);
    for (const { name, was, is } of pages) assert.equal(was, is, name);
  });

  it('link to files and headings that exist', async () => {
    let count = 0;
    for (const name of await pageNames()) {
      const links = (await readPage(name)).matchAll(/\]\((?<path>[^)\s#:]*)(?:#(?<anchor>[^)\s]+))?\)/g);
      for (const { groups = {} } of links) {
        const target = groups.path ? new URL(groups.path, new URL(name, ROOT)) : new URL(name, ROOT);
        assert.ok(existsSync(target), `${name} links to ${groups.path}`);
        if (groups.anchor !== undefined) {
          const anchors = headings(await readFile(target, 'utf8'));
          assert.ok(anchors.includes(groups.anchor), `${name} links to #${groups.anchor}`);
        }
        count++;
      }
    }
    assert.ok(count > 20);
  });

  it('show configurations that load', async () => {
    const yaml = (await allBlocks()).filter(({ info }) => /^yaml( file=\S+)?$/.test(info));
    assert.ok(yaml.length >= 3);
    for (const { at, text } of yaml) assert.ok(Object.keys((await load(text, at)).tenants).length > 0, at);
  });

  it('show parts of configurations that load in the place they are for', async () => {
    const parts = (await allBlocks()).filter(({ info }) => /^yaml part\b/.test(info));
    assert.ok(parts.length >= 5);
    for (const { at, info, text } of parts) {
      const whole = WHOLE();
      put(whole, info.split('=')[1]?.split('.') ?? [], parse(text));
      await assert.doesNotReject(load(stringify(whole), at), at);
    }
  });

  it('show commands and options that exist', async () => {
    const program = createProgram({}, () => undefined);
    const shell = (await allBlocks()).filter(({ info }) => /^(sh|bash)\b/.test(info));
    const lines = shell.flatMap(({ at, text }) =>
      Array.from(
        text.replaceAll('\\\n', ' ').matchAll(/(?:^|\| *)sealslot (?<args>[^#|>\n]*)/gm),
        (found) => ({
          at,
          args: (found.groups?.args ?? '').trim().split(/\s+/),
        }),
      ),
    );
    assert.ok(lines.length >= 8);
    for (const { at, args } of lines) checkArguments(program, args, at);
  });
});

describe('docs/errors.md', () => {
  it('has the code of every error class, and no other for operators', async () => {
    const codes: string[] = [];
    for (const name of await readdir(new URL('src/', ROOT), { recursive: true })) {
      // The codes that partners' own code and the demo page give have their docstrings.
      if (!name.endsWith('.ts') || /^(client|page)\//.test(name)) continue;
      const source = await readFile(new URL(`src/${name}`, ROOT), 'utf8');
      codes.push(...Array.from(source.matchAll(/readonly code = '(\w+)'/g), (found) => found[1]!));
    }
    const listed = [...Object.keys(CODES), ...Object.keys(OPERATOR_CODES)];
    assert.deepEqual(
      codes.filter((code) => !listed.includes(code)),
      [],
    );
    assert.deepEqual(
      Object.keys(OPERATOR_CODES).filter((code) => !codes.includes(code)),
      [],
    );
  });
});

async function allBlocks(): Promise<Block[]> {
  return (await Promise.all((await pageNames()).map(blocksOf))).flat();
}

/** As GitHub makes anchors of headings. */
function headings(markdown: string): string[] {
  return Array.from(markdown.matchAll(/^#+ (.*)$/gm), (found) =>
    (found[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

const FILES = [
  ...['kek.json', 's3-secret', 's3-uploads', 'secret-id', 'crm-secret', 'grant-secret', 'link-secret'],
  ...['sealslot.yaml', 'data/sealslot.db', 'secrets/pg-password'],
];
/** Good for whatever is looked into. */
const SECRET = `whsec_${'c2VjcmV0'.repeat(6)}`;

/** The least that loads. */
const WHOLE = () => ({
  store: { kind: 'sqlite', path: 'data/sealslot.db' },
  custody: { current: 'local', wrappers: { local: { kind: 'local', kekFile: 'kek.json' } } },
  s3: {
    targets: { main: { endpoint: 'https://s3.example.com', region: 'r', credentials: { kind: 'default' } } },
  },
  tenants: { acme: { target: 'main', bucket: 'acme-uploads' } },
});

/** Lays `part` over what stands there, member by member. */
function put(whole: Record<string, unknown>, path: readonly string[], part: Record<string, unknown>): void {
  const there = path.reduce((at, name) => at[name] as Record<string, unknown>, whole);
  for (const [name, value] of Object.entries(part)) {
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    // Of another kind it stands in the place of the whole.
    const isOther =
      isMap && 'kind' in value && value.kind !== (there[name] as { kind?: unknown } | undefined)?.kind;
    if (isMap && !isOther && typeof there[name] === 'object')
      put(whole, [...path, name], value as Record<string, unknown>);
    else there[name] = value;
  }
}

/** In a folder that has every file a page speaks of. */
async function load(yaml: string, at: string) {
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-docs-'));
  try {
    for (const name of FILES) {
      await mkdir(dirname(join(dir, name)), { recursive: true });
      await writeFile(join(dir, name), name === 'sealslot.yaml' ? yaml : SECRET, { mode: 0o600 });
    }
    return await loadConfig({ path: join(dir, 'sealslot.yaml'), env: {} });
  } catch (error) {
    throw new Error(`${at} does not load`, { cause: error });
  } finally {
    await rm(dir, { recursive: true });
  }
}

function checkArguments(command: Command, [first, ...rest]: readonly string[], at: string): void {
  const next = command.commands.find((one) => one.name() === first);
  if (next !== undefined) {
    checkArguments(next, rest, at);
    return;
  }
  assert.equal(command.commands.length === 0 || first?.startsWith('-'), true, `${at}: sealslot ${first}`);
  for (const option of [first ?? '', ...rest].filter((one) => one.startsWith('-'))) {
    const known = ['--help', '--version', ...command.options.flatMap(({ long, short }) => [long, short])];
    assert.ok(known.includes(option), `${at}: ${command.name()} has no ${option}`);
  }
}
