import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FileSystem } from '../../../../src/doctor/local/file-system.ts';
import { examineStore, STORE_CHECKS } from '../../../../src/doctor/local/store.ts';
import type { FileInspection, StoreState } from '../../../../src/store/inspection.ts';
import { summary } from '../findings.ts';

const EXT4: FileSystem = { type: 0xef53, bsize: 4096, bavail: 1_000_000, files: 1000, ffree: 500 };
const SOUND: StoreState = { kind: 'sound', applied: 1, pending: [] };
const STORE = { kind: 'sqlite', path: '/var/lib/sealslot/slots.db' } as const;
const WHOLE: FileInspection = {
  kind: 'sqlite',
  path: STORE.path,
  state: SOUND,
  usage: [],
  served: true,
  writeFailure: undefined,
};

function examine(inspection: Partial<FileInspection> = {}, fileSystem: Partial<FileSystem> = {}) {
  const whole = { ...WHOLE, ...inspection };
  const folders: string[] = [];
  const statfs = async (folder: string) => {
    folders.push(folder);
    return { ...EXT4, ...fileSystem };
  };
  return summary(
    examineStore(STORE, async () => whole, statfs),
    STORE_CHECKS,
  ).then((found) => {
    assert.deepEqual(folders, ['/var/lib/sealslot']);
    const of = (check: keyof typeof STORE_CHECKS) => found.findings.find((each) => each.check === check);
    return { ...found, of };
  });
}

describe('doctor, store', () => {
  it('finds a store right that is served from a local disk', async () => {
    const { lines, value } = await examine();
    assert.deepEqual(lines, ['store.opens ok', 'store.served ok', 'store.durable ok', 'store.writable ok']);
    assert.equal(value, true);
  });

  it('says that nobody serves', async () => {
    assert.equal((await examine({ served: false })).of('store.served')?.outcome, 'note');
  });

  it('takes no store yet for nothing wrong, and looks at its folder all the same', async () => {
    const { lines, value } = await examine({ state: { kind: 'absent' }, served: false });
    assert.deepEqual(lines, ['store.opens note', 'store.durable ok', 'store.writable ok']);
    assert.equal(value, true);
  });

  const states = [
    [{ kind: 'sound', applied: 1, pending: ['2 (grants)'] }, 'note', /applies migration 2 \(grants\)/, true],
    [{ kind: 'newer', migration: 7 }, 'off', /newer version has applied migration 7/, false],
    [{ kind: 'changed', migration: '1 (initial)' }, 'off', /1 \(initial\) is not the one/, false],
    [{ kind: 'moved', reason: 'It has been moved.' }, 'off', /It has been moved$/, false],
    [{ kind: 'foreign' }, 'off', /not a store of sealslot/, false],
    [{ kind: 'damaged', complaint: 'row 3 missing' }, 'unsafe', /damaged: row 3 missing/, false],
    [{ kind: 'unreadable', reason: 'unable to open' }, 'off', /cannot be read: unable to open/, false],
  ] as const satisfies readonly (readonly [StoreState, string, RegExp, boolean])[];
  for (const [state, outcome, found, value] of states) {
    it(`tells a store that is ${state.kind}${outcome === 'note' ? ' but older' : ''}`, async () => {
      const answer = await examine({ state });
      assert.equal(answer.of('store.opens')?.outcome, outcome);
      assert.match(answer.of('store.opens')?.found ?? '', found);
      assert.equal(answer.value, value);
    });
  }

  const fileSystems = [
    [0x58465342, 'ok', /XFS, a local file system/],
    [0x01021994, 'unsafe', /tmpfs: all keys are gone/],
    [0x858458f6 | 0, 'unsafe', /ramfs/],
    [0x6969, 'unsafe', /NFS, which hosts share/],
    [0xff534d42, 'unsafe', /CIFS/],
    [0x794c7630, 'note', /overlayfs: inside a container/],
    [0x01021997, 'note', /9p: what it keeps/],
    [0x65735546, 'note', /FUSE/],
    [0x12345678, 'note', /not known here/],
  ] as const;
  for (const [type, outcome, found] of fileSystems) {
    it(`judges the file system 0x${(type >>> 0).toString(16)}: ${outcome}`, async () => {
      const { of } = await examine({}, { type });
      assert.equal(of('store.durable')?.outcome, outcome);
      assert.match(of('store.durable')?.found ?? '', found);
    });
  }

  const failures = [
    ['ENOSPC', /the disk is full/, /free some space/],
    ['EDQUOT', /the quota is used up/, /raise it/],
    ['EROFS', /read-only/, /mount it writable/],
    ['EACCES', /this user may not write/, /own \/var\/lib\/sealslot/],
    ['disk I/O error', /disk I\/O error/, /WAL in \/var\/lib\/sealslot/],
  ] as const;
  for (const [writeFailure, found, remedy] of failures) {
    it(`says that no slot can be made after ${writeFailure}`, async () => {
      const { last } = await examine({ writeFailure });
      assert.equal(`${last.check} ${last.outcome}`, 'store.writable off');
      assert.match(last.found, found);
      assert.match(last.found, /no slot can be made/);
      assert.match(last.remedy ?? '', remedy);
    });
  }

  it('notes a disk with little room, or without a free inode', async () => {
    const little = await examine({}, { bavail: 24_000 });
    assert.deepEqual([little.last.outcome, little.last.found], ['note', 'only 98 MB are free']);
    assert.equal((await examine({}, { bavail: 24_500 })).last.outcome, 'ok');
    assert.match((await examine({}, { ffree: 0 })).last.found, /no inode is free/);
    // Btrfs counts none.
    assert.equal((await examine({}, { type: 0x9123683e, files: 0, ffree: 0 })).last.outcome, 'ok');
  });

  it('does not judge a file system that says nothing', async () => {
    const silent = async () => Promise.reject(new Error('ENOSYS'));
    const { lines } = await summary(
      examineStore(STORE, async () => WHOLE, silent),
      STORE_CHECKS,
    );
    assert.deepEqual(lines.slice(2), ['store.durable note', 'store.writable ok']);
  });
});
