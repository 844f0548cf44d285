import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { S3Refusal, ServiceProblem, Unreachable } from '../../../src/client/errors.ts';
import { UsageError } from '../../../src/cli/command.ts';
import { exitCodeOf, exitCodeOfAll, stopsAll } from '../../../src/cli/partner/failure.ts';
import { findFiles } from '../../../src/cli/partner/files.ts';
import { openJournal } from '../../../src/cli/partner/journal.ts';
import { upload } from '../../../src/cli/upload.ts';
import { freePort } from '../../support/processes.ts';
import { fakeTerminal } from './fake-terminal.ts';

const refused = (status: number, code: string) => new ServiceProblem(status, { code, detail: '' });
const dead = (peer: 'service' | 'S3') => new Unreachable(peer, new Error('x'));
let dir: string;
beforeEach(async () => (dir = await mkdtemp(join(tmpdir(), 'sealslot-cli-'))));
afterEach(() => rm(dir, { recursive: true }));

describe('exit codes', () => {
  for (const [error, code, stops] of [
    [refused(401, 'unauthenticated'), 77, true],
    [refused(403, 'insufficient_scope'), 77, true],
    [refused(403, 'not_slot_owner'), 77, false],
    [refused(422, 'policy_refused'), 65, false],
    [refused(503, 'dependency_unavailable'), 75, true],
    [refused(500, 'key_unusable'), 75, false],
    [refused(409, 'not_arrived'), 75, false],
    [dead('service'), 75, true],
    [dead('S3'), 75, false],
    [new S3Refusal(403, 'AccessDenied'), 65, false],
    [new S3Refusal(503, 'SlowDown'), 75, false],
  ] as const) {
    it(`${error.message || error.code} is ${code}${stops ? ', and stops all' : ''}`, () => {
      assert.equal(exitCodeOf(error), code);
      assert.equal(stopsAll(error), stops);
    });
  }

  it('of many files: theirs when they agree, else 1', () => {
    assert.equal(exitCodeOfAll([]), 0);
    assert.equal(exitCodeOfAll([65, 65]), 65);
    assert.equal(exitCodeOfAll([65, 75]), 1);
  });
});

describe('findFiles', () => {
  it('takes regular files below a folder by name, hidden ones too, and follows no link', async () => {
    await mkdir(join(dir, 'b/c'), { recursive: true });
    for (const name of ['z', '.hidden', 'b/2', 'b/c/1']) await writeFile(join(dir, name), 'x');
    await symlink(join(dir, 'z'), join(dir, 'link'));
    await symlink(dir, join(dir, 'b/loop'));
    const found = await findFiles([], dir);
    assert.deepEqual(
      found.map((file) => 'filename' in file && file.filename),
      ['.hidden', 'b/2', 'b/c/1', 'z'],
    );
    const named = await findFiles([join(dir, 'link')], undefined);
    assert.deepEqual(
      named.map((file) => 'filename' in file && file.filename),
      ['link'],
    );
  });

  it('tells what cannot be uploaded, and goes on', async () => {
    await writeFile(join(dir, 'a'), 'x');
    const found = await findFiles([join(dir, 'no'), dir, join(dir, 'a')], join(dir, 'nowhere'));
    assert.deepEqual(
      found.map((file) => 'error' in file),
      [true, true, false, true],
    );
  });
});

describe('the journal', () => {
  const entry = { file: '/a', size: 1, modifiedAt: 't', sha256: 's', id: 'i', endpoint: 'https://e' };
  const path = () => join(dir, 'journal');

  it('finds what it noted, of the same size, time and service', async () => {
    {
      await using journal = await openJournal(path());
      await journal.note(entry);
    }
    await using journal = await openJournal(path());
    assert.deepEqual(journal.find(entry), entry);
    for (const other of [{ size: 2 }, { modifiedAt: 'u' }, { endpoint: 'https://f' }, { file: '/b' }]) {
      assert.equal(journal.find({ ...entry, ...other }), undefined);
    }
  });

  it('ignores a torn last line, and keeps the next one apart from it', async () => {
    {
      await using journal = await openJournal(path());
      await journal.note(entry);
    }
    await appendFile(path(), '{"file":"/b","si');
    {
      await using journal = await openJournal(path());
      await journal.note({ ...entry, file: '/c' });
    }
    await using journal = await openJournal(path());
    assert.ok(journal.find(entry));
    assert.equal(journal.find({ ...entry, file: '/b' }), undefined);
    assert.ok(journal.find({ ...entry, file: '/c' }));
  });

  it('leaves a file alone that is something else', async () => {
    await writeFile(path(), 'my diary');
    await assert.rejects(openJournal(path()), UsageError);
    assert.equal(await readFile(path(), 'utf8'), 'my diary');
  });
});

describe('upload', () => {
  const env = { SEALSLOT_API_KEY: 'slk_secret' };
  const options = { endpoint: 'https://localhost:1', parallel: 1 };

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
    assert.match(terminal.err(), /ECONNREFUSED.*\n0 uploaded, 1 failed, 2 not done\n$/);
  });
});
