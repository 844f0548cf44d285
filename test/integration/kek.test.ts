import assert from 'node:assert/strict';
import { chmod, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { createKekFile, readKekFile, rotateKekFile } from '../../src/custody/kek-file.ts';
import { sealslotIn } from '../support/doctor.ts';
import { scratchFolder } from '../support/s3-server.ts';
import { setUp, storePath } from '../support/service.ts';
import { freePort } from '../support/processes.ts';
import { insert } from './support-custody.ts';

const EX_NOINPUT = 66;
const EX_TEMPFAIL = 75;
const WRAPPERS = 'local: { kind: local, kekFile: kek.json }, old: { kind: local, kekFile: old.json }';

describe('the commands of the keeper of the keys, without an S3', () => {
  let folder: Awaited<ReturnType<typeof scratchFolder>>;
  let dir: string;
  const run = (...args: string[]) => sealslotIn(dir, ...args);
  const custody = (more = ''): string => `{ current: local, wrappers: { ${WRAPPERS}${more} } }`;

  before(async () => {
    folder = await scratchFolder('kek');
    dir = folder.path;
    await createKekFile(join(dir, 'old.json'));
    await setUp(dir, { custody: custody() });
  });
  after(() => folder.remove());

  it('export: without keys there is no file, and exit code 1; a folder that is not there is named', async () => {
    const nothing = await run('export', '--passphrase-file', 'token', '--output', 'keys.age');
    assert.equal(nothing.exitCode, 1, nothing.stderr);
    assert.match(nothing.stderr, /no keys to export; nothing was written/);
    assert.ok(!(await readdir(dir)).some((name) => name.includes('keys.age') || name.endsWith('.part')));
    const nowhere = await run('export', '--passphrase-file', 'token', '--output', 'gone/keys.age');
    assert.equal(nowhere.exitCode, EX_NOINPUT);
    assert.match(nowhere.stderr, /gone\/keys\.age: there is no folder gone\./);
  });

  it('retire: the only KEK of a wrapper that is not the current one goes with its wrapper', async () => {
    const { current } = await readKekFile(join(dir, 'old.json'));
    const before = await readFile(join(dir, 'old.json'), 'utf8');
    const { exitCode, stdout, stderr } = await run('kek', 'retire', '--wrapper', 'old', '--kek', current);
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /take "old" out of custody\.wrappers.*keep the file until no backup/);
    assert.equal(await readFile(join(dir, 'old.json'), 'utf8'), before);
  });

  it('retire: names the whole command that moves what is needed', async () => {
    await insert(dir, 3);
    const { current } = await readKekFile(join(dir, 'kek.json'));
    const retire = () => run('kek', 'retire', '--wrapper', 'local', '--kek', current);
    const asCurrent = await retire();
    assert.equal(asCurrent.exitCode, 1);
    assert.match(asCurrent.stderr, /kek rotate --wrapper local.*sealslot rewrap --to local$/m);
    const rotated = await run('kek', 'rotate', '--wrapper', 'local');
    assert.equal(rotated.exitCode, 0, rotated.stderr);
    const needed = await retire();
    assert.equal(needed.exitCode, 1);
    assert.match(needed.stderr, /Move what needs it first: sealslot rewrap --to local$/m);
  });

  it('rotate: says what a file is that an interrupted one left', async () => {
    await writeFile(join(dir, 'kek.json.new'), '{}', { mode: 0o600 });
    const { exitCode, stderr } = await run('kek', 'rotate', '--wrapper', 'local');
    assert.equal(exitCode, 1);
    assert.match(stderr, /kek\.json\.new is there.*interrupted.*compare/);
    await rm(join(dir, 'kek.json.new'));
  });

  it('status: a wrapper that cannot be opened is a line among the others, and others can be retired', async () => {
    await chmod(join(dir, 'old.json'), 0o644);
    const text = await run('kek', 'status');
    assert.equal(text.exitCode, 1, text.stderr);
    assert.match(text.stdout, /^old {2}\? {2}refused$\n.*chmod 600.*kek_file_invalid/m);
    assert.match(text.stdout, /^local {2}kek-\S+ {2}usable, current$/m);
    const json = await run('kek', 'status', '--json');
    const { keks } = JSON.parse(json.stdout) as { keks: { wrapperId: string; state: string }[] };
    assert.ok(keks.some(({ wrapperId, state }) => wrapperId === 'old' && state === 'refused'));
    const refused = await run('kek', 'retire', '--wrapper', 'old', '--kek', 'kek-1');
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /"old" cannot be opened/);
    const file = join(dir, 'kek.json');
    const { current } = await readKekFile(file);
    await rotateKekFile(file);
    await utimes(file, 0, 0);
    const other = await run('kek', 'retire', '--wrapper', 'local', '--kek', current);
    assert.equal(other.exitCode, 0, other.stderr);
    assert.ok(!(await readKekFile(file)).keks.has(current));
    await chmod(join(dir, 'old.json'), 0o600);
    assert.equal((await run('kek', 'status')).exitCode, 0);
  });

  it('status: a keeper that does not answer is 75', async () => {
    const yaml = join(dir, 'sealslot.yaml');
    const good = await readFile(yaml, 'utf8');
    const auth = '{ kind: token, tokenFile: token }';
    const address = `https://127.0.0.1:${await freePort()}`;
    const vault = `, vault: { kind: vault-transit, address: "${address}", key: k, auth: ${auth} }`;
    await writeFile(yaml, good.replace(custody(), custody(vault)));
    const { exitCode, stdout, stderr } = await run('kek', 'status');
    await writeFile(yaml, good);
    assert.equal(exitCode, EX_TEMPFAIL, stderr);
    assert.match(stdout, /^vault {2}transit\/k {2}unknown$/m);
  });

  it('a store that does not answer is 75 for a command that writes to it', async () => {
    using other = new DatabaseSync(storePath(dir));
    other.exec('BEGIN IMMEDIATE');
    const { exitCode, stderr } = await run('api-key', 'revoke', 'abc');
    other.exec('ROLLBACK');
    assert.equal(exitCode, EX_TEMPFAIL, stderr);
    assert.match(stderr, /dependency_unavailable/);
    assert.equal((await run('api-key', 'revoke', 'abc')).exitCode, 1);
  });
});
