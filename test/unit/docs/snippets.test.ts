import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { blocksOf, pageNames, ROOT, type Block } from './pages.ts';
import { classOf, ELSEWHERE, testOf, type SnippetClass } from './snippets.ts';

const run = promisify(execFile);
const all = (await Promise.all((await pageNames()).map(blocksOf))).flat();
const of = (wanted: SnippetClass): Block[] => all.filter((block) => classOf(block) === wanted);
const languageOf = ({ info }: Block): string => info.split(' ')[0] ?? '';

describe('the code blocks of the documents', () => {
  it('each say what becomes of them', (t) => {
    const counts = Map.groupBy(all, (block) => classOf(block) ?? 'none');
    assert.deepEqual(
      counts.get('none')?.map(({ at, info }) => `${at}: ${info}`),
      undefined,
    );
    t.diagnostic(Array.from(counts, ([name, { length }]) => `${name} ${length}`).join(', '));
  });

  it('name tests that are there and read that page', async () => {
    const named = of('test');
    assert.ok(named.length > 0);
    for (const block of named) {
      const file = new URL(testOf(block) ?? '', ROOT);
      assert.ok(existsSync(file), block.at);
      assert.ok((await readFile(file, 'utf8')).includes(block.at.replace(/:\d+$/, '')), block.at);
    }
  });

  it('that no test runs say why, and nothing is said that no block needs', () => {
    const marks = new Set(of('elsewhere').map(({ info }) => info.split(' ')[1]));
    assert.deepEqual([...marks].sort(), Object.keys(ELSEWHERE).sort());
  });

  it('of a shell are such', async () => {
    const shell = all.filter((block) => ['sh', 'bash'].includes(languageOf(block)));
    assert.ok(shell.length > 30);
    for (const { at, text } of shell) {
      // <ID> and the like are for people; bash would read them as redirections.
      const script = text.replaceAll(/<[A-Z]+>/g, 'x');
      await assert.doesNotReject(run('bash', ['-n', '-c', script]), at);
    }
  });

  it('of JSON and YAML can be parsed', () => {
    for (const { at, text } of all.filter((block) => languageOf(block) === 'json')) {
      assert.doesNotThrow(() => JSON.parse(text), at);
    }
    for (const { at, text } of all.filter((block) => languageOf(block) === 'yaml')) {
      assert.doesNotThrow(() => parse(text), at);
    }
  });

  it('of HTTP say their JSON in whole', () => {
    for (const { at, text } of all.filter((block) => languageOf(block) === 'http')) {
      for (const [json] of text.matchAll(/\{["}].*\}$/gm)) {
        assert.doesNotThrow(() => JSON.parse(json.replaceAll(/, …|(?<!")…(?!")/g, '')), `${at}: ${json}`);
      }
    }
  });

  it('of Mermaid are pictures, line by line', () => {
    const pictures = of('picture');
    assert.ok(pictures.length > 5);
    for (const { at, text } of pictures) {
      const [kind = '', ...lines] = text.trimEnd().split('\n');
      const grammar = MERMAID[kind];
      assert.ok(grammar !== undefined, `${at}: ${kind}`);
      for (const line of lines) assert.match(line, grammar, at);
    }
  });
});

/** No more of Mermaid than the documents use: its own parser wants a browser. A semicolon or # in a text would end it. */
const MERMAID: Readonly<Record<string, RegExp>> = {
  sequenceDiagram:
    /^ {2}(participant \w+ as [^;#]+|Note over \w+: [^;#]+|[\w ]+(->>|-->>|-\))[\w ]+: [^;#]+)$/,
  'stateDiagram-v2': /^ {2}(\[\*\]|\w+) --> (\[\*\]|\w+)(: [^;#]+)?$/,
};
