import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { UsageError } from '../../../../src/cli/command.ts';
import { openJournal } from '../../../../src/cli/partner/journal.ts';

let dir: string;
beforeEach(async () => (dir = await mkdtemp(join(tmpdir(), 'sealslot-journal-'))));
afterEach(() => rm(dir, { recursive: true }));

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
