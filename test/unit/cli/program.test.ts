import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Command } from 'commander';
import { completionScript } from '../../../src/cli/completion.ts';
import { createProgram } from '../../../src/cli/program.ts';

const MAIN = new URL('../../../src/main.ts', import.meta.url).pathname;
const program = createProgram({}, () => undefined);
const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
const run = (...args: string[]) =>
  spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', env: { PATH: process.env['PATH'] } });

describe('the command line', () => {
  it('every command has a description, and every option says what it is for', () => {
    for (const command of all(program)) {
      assert.notEqual(command.description(), '', command.name());
      for (const option of command.options) assert.notEqual(option.description, '', option.flags);
    }
    assert.deepEqual(
      program.commands.map((command) => command.name()),
      [
        ...['serve', 'doctor', 'init', 'api-key', 'import', 'webhooks', 'migrate-store', 'cors'],
        ...['kek', 'rewrap', 'rekey', 'shred-period', 'audit', 'recover', 'export'],
        ...['upload', 'download', 'curl', 'completion'],
      ],
    );
  });

  it('no option takes a secret: they come by environment, file or pipe', () => {
    const flags = all(program).flatMap((command) => command.options.map(({ flags }) => flags));
    assert.deepEqual(
      flags.filter((flag) => /key|secret|token/.test(flag)),
      ['--keys <file>', '--api-key-file <file>', '--api-key-file <file>'],
    );
  });

  it('help goes to standard output with 0, without a configuration', () => {
    for (const args of [['--help'], ['help'], ['doctor', '--help'], ['help', 'upload']]) {
      const { status, stdout, stderr } = run(...args);
      assert.equal(status, 0, stderr);
      assert.match(stdout, /^Usage: sealslot/);
    }
    const { version } = JSON.parse(
      readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
    ) as { version: string };
    assert.equal(run('--version').stdout.trim(), version);
  });

  it('wrong usage is 64 on standard error, and names what is near', () => {
    const near: [string[], RegExp][] = [
      [['servve'], /Did you mean serve\?/],
      [['doctor', '--explian'], /Did you mean --explain\?/],
      [['api-key', 'creat'], /Did you mean create\?/],
      [['completion', 'tcsh'], /bash, zsh, fish/],
      [['upload', 'x', '--parallel', '0', '--endpoint', 'https://x.example'], /from 1 to 64/],
      [['upload', 'x', '--part-size', '4', '--endpoint', 'https://x.example'], /from 5 to 5120/],
      [['upload', 'x', '--method', 'POST', '--endpoint', 'https://x.example'], /auto, PUT, multipart/],
      [['upload', 'x'], /--endpoint/],
      [['serve', 'now'], /too many arguments/],
      [[], /^Usage: sealslot/],
    ];
    for (const [args, words] of near) {
      const { status, stdout, stderr } = run(...args);
      assert.equal(status, 64, args.join(' '));
      assert.equal(stdout, '');
      assert.match(stderr, words);
    }
  });
});

describe('completion', () => {
  const complete = (...line: string[]): string[] => {
    const script = `${completionScript(program, 'bash')}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sealslot; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', script, 'bash', ...line], { encoding: 'utf8' })
      .trim()
      .split('\n');
  };

  it('in bash: commands, commands below them, options, and files where files belong', () => {
    assert.deepEqual(complete('sealslot', 'se'), ['serve']);
    assert.deepEqual(complete('sealslot', 'api-key', ''), ['create', 'list', 'revoke', 'help', '--help']);
    assert.deepEqual(complete('sealslot', 'api-key', 'create', '--na'), ['--name']);
    assert.deepEqual(complete('sealslot', 'doctor', '--'), ['--target', '--explain', '--json', '--help']);
    assert.deepEqual(complete('sealslot', 'completion', 'f'), ['fish']);
    assert.deepEqual(complete('sealslot', 'upload', 'package.j'), ['package.json']);
    assert.deepEqual(complete('sealslot', 'servve', 'package.j'), ['']);
  });

  it('for zsh and fish too, with every command', () => {
    for (const shell of ['zsh', 'fish'] as const) {
      const script = completionScript(program, shell);
      for (const command of program.commands) assert.ok(script.includes(command.name()), command.name());
    }
  });
});
