import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { UsageError } from '../../../src/cli/command.ts';
import { upload } from '../../../src/cli/upload.ts';
import { freePort } from '../../support/processes.ts';
import { fakeTerminal } from './fake-terminal.ts';
import { hostileService, MOVES_THE_CURSOR } from './hostile-service.ts';

let dir: string;
beforeEach(async () => (dir = await mkdtemp(join(tmpdir(), 'sealslot-upload-'))));
afterEach(() => rm(dir, { recursive: true }));

describe('upload', () => {
  const env = { SEALSLOT_API_KEY: 'slk_secret' };
  const options = { endpoint: 'https://localhost:1', parallel: 1, parallelParts: 1, method: 'auto' } as const;

  it('refuses to begin without files, key or right certificates', async () => {
    const file = join(dir, 'a');
    await writeFile(file, 'x');
    const wrong: [string[], object, NodeJS.ProcessEnv][] = [
      [[], {}, env],
      [[file], {}, {}],
      [[file], {}, { SEALSLOT_API_KEY: ' \n' }],
      [[file], { apiKeyFile: join(dir, 'nowhere') }, env],
      [[file], { caFile: file }, env],
      [[file], { endpoint: 'http://example.com' }, env],
      [[file], { method: 'PUT', partSize: 8 }, env],
    ];
    for (const [files, more, environment] of wrong) {
      await assert.rejects(upload(files, { ...options, ...more }, environment, fakeTerminal()), UsageError);
    }
  });

  it('a dead service is tried six times, stops all, and is 75', async () => {
    const files = ['a', 'b', 'c'].map((name) => join(dir, name));
    for (const file of files) await writeFile(file, 'x');
    const terminal = fakeTerminal();
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    assert.equal(await upload(files, { ...options, endpoint }, env, terminal), 75);
    assert.equal(terminal.pauses.length, 5);
    const lines = terminal.err().split('\n');
    assert.match(
      lines[0] ?? '',
      /^No answer from the service at 127\.0\.0\.1:\d+ \(ECONNREFUSED\)\. Trying again …$/,
    );
    assert.doesNotMatch(lines[1] ?? '', /Trying again/, 'once for the same trouble');
    assert.equal(lines.at(-2), '0 uploaded, 1 failed, 2 not done');
  });

  it('what the service says cannot move the cursor, as text or as JSON', async () => {
    await using service = await hostileService();
    const file = join(dir, 'a');
    await writeFile(file, 'x');
    for (const json of [false, true]) {
      const terminal = fakeTerminal();
      assert.equal(await upload([file], { ...options, endpoint: service.url, json }, env, terminal), 65);
      assert.match(terminal.out() + terminal.err(), /PWNED/);
      assert.doesNotMatch(terminal.out() + terminal.err(), MOVES_THE_CURSOR);
    }
  });
});
