import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Config } from '../../config/config.ts';
import type { FileInspection, InspectStore } from '../../store/inspection.ts';
import { type FileSystem, fileSystemOf } from './file-system.ts';
import { about, type CheckText, type Examination, type Finding } from '../finding.ts';
import { examineServer, SERVER_STORE_CHECKS } from './server-store.ts';

export type { InspectStore } from '../../store/inspection.ts';

export const STORE_CHECKS = {
  'store.opens': {
    title: 'store',
    means: 'The file is a store of a version that this one knows, and SQLite finds it sound.',
  },
  'store.served': { title: 'in use', means: 'One process serves from a store; commands may run beside it.' },
  'store.durable': {
    title: 'durable',
    means:
      'Each wrapped key is on disk before its URL is handed out. That holds only where the file system keeps what it has fsynced, and keeps its locks.',
  },
  'store.writable': {
    title: 'room',
    means: 'A database like the store can be made in its folder, committed to disk and removed again.',
  },
  ...SERVER_STORE_CHECKS,
} as const satisfies Record<string, CheckText>;

const LITTLE_SPACE = 100_000_000;
const EVERYTHING = ['the whole service: it does not start'];
const CHANGES = ['new slots', 'complete', 'deletion', 'whatever else the store has to keep'];
const BACKUP = 'bring the store back from a backup';

const say = about('store');

/** Changes nothing in the store and takes no lock of the service; a scratch database beside a file comes and goes. */
export async function* examineStore(
  store: Config['store'],
  inspect: InspectStore,
  fileSystem: (folder: string) => Promise<FileSystem> = statfs,
): Examination {
  const inspection = await inspect(store);
  if (inspection.kind === 'sqlite') return yield* examineFile(inspection, fileSystem);
  return yield* examineServer(inspection, store.kind === 'postgres' ? store.pool.max : 1);
}

async function* examineFile(
  inspection: FileInspection,
  fileSystem: (folder: string) => Promise<FileSystem>,
): Examination {
  yield opens(inspection);
  if (inspection.state.kind !== 'absent') {
    yield inspection.served
      ? say.ok('store.served', 'a service serves from it now')
      : say.note('store.served', 'no service serves from it now');
  }
  const facts = await fileSystem(dirname(inspection.path)).catch(() => undefined);
  yield durable(facts);
  yield writable(inspection, facts);
  return inspection.state.kind === 'sound' || inspection.state.kind === 'absent';
}

function opens({ path, state }: FileInspection): Finding {
  const check = 'store.opens';
  switch (state.kind) {
    case 'absent':
      return say.note(check, `${path} is made at the first start`);
    case 'sound':
      if (state.pending.length === 0) return say.ok(check, `${path} is sound, its schema is this version's`);
      return say.note(
        check,
        `${path} is sound; the next start applies migration ${state.pending.join(', ')}`,
        'make a backup before it',
      );
    case 'compatible':
    case 'newer': {
      const remedy = 'run the version that last served from it, or a newer one';
      return say.off(
        check,
        `a newer version has applied migration ${state.migration} to ${path}`,
        remedy,
        EVERYTHING,
      );
    }
    case 'changed':
      return say.off(
        check,
        `migration ${state.migration} is not the one that was applied to ${path}`,
        'run the version that last served from it; released migrations never change',
        EVERYTHING,
      );
    case 'foreign':
      return say.off(
        check,
        `${path} is not a store of sealslot`,
        'let store.path name the store, or a file that does not exist yet',
        EVERYTHING,
      );
    case 'moved':
      return say.off(
        check,
        state.reason.replace(/\.$/, ''),
        'docs/migrate-store.md says how to go on, and how back',
        EVERYTHING,
      );
    case 'damaged':
      return say.unsafe(
        check,
        `${path} is damaged: ${state.complaint}`,
        `stop the service, keep a copy of all its files, and ${BACKUP}`,
      );
    case 'unreadable':
      return say.off(
        check,
        `${path} cannot be read: ${state.reason}`,
        'run the doctor as the user that serves, and let that user own the store',
        EVERYTHING,
      );
  }
}

function durable(facts: FileSystem | undefined): Finding {
  const check = 'store.durable';
  const kind = facts === undefined ? undefined : fileSystemOf(facts);
  switch (kind?.keeps) {
    case 'always':
      return say.ok(check, `on ${kind.name}, a local file system`);
    case 'never':
      return say.unsafe(
        check,
        `on ${kind.name}: all keys are gone with the machine's next start`,
        'put the store on a disk',
      );
    case 'shared':
      return say.unsafe(
        check,
        `on ${kind.name}, which hosts share: its locks and SQLite's shared memory do not keep two of them apart`,
        'put the store on a local disk or a block volume',
      );
    case 'layer':
      return say.note(
        check,
        `on ${kind.name}: inside a container it is gone with the container`,
        'mount a volume for the folder of the store',
      );
    case 'perhaps':
      return say.note(
        check,
        `on ${kind.name}: what it keeps depends on what lies behind it`,
        'see that it passes fsync and locks on, or use a local disk',
      );
    case undefined:
      return say.note(
        check,
        'on a file system that is not known here',
        'see that it is local and keeps what was fsynced',
      );
  }
}

function writable({ path, writeFailure }: FileInspection, facts: FileSystem | undefined): Finding {
  const check = 'store.writable';
  const folder = dirname(path);
  if (writeFailure !== undefined) {
    const [what, remedy] = explain(writeFailure, folder);
    return say.off(check, `no slot can be made: ${what} (${folder})`, remedy, CHANGES);
  }
  const free = facts === undefined ? Infinity : facts.bavail * facts.bsize;
  const freed = `free some space at ${folder}: when it is full no slot can be made`;
  if (free < LITTLE_SPACE) return say.note(check, `only ${Math.floor(free / 1e6)} MB are free`, freed);
  // Some file systems count no inodes at all.
  if (facts !== undefined && facts.files > 0 && facts.ffree === 0)
    return say.note(check, 'no inode is free: no further file can be made', freed);
  return say.ok(check, 'a scratch database was made beside it, committed to disk and removed');
}

function explain(failure: string, folder: string): readonly [what: string, remedy: string] {
  switch (failure) {
    case 'ENOSPC':
      return ['the disk is full', `free some space at ${folder}; a running service then goes on by itself`];
    case 'EDQUOT':
      return ['the quota is used up', `raise it, or free some space at ${folder}`];
    case 'EROFS':
      return ['the file system is read-only', 'mount it writable; see in the system log why it is not'];
    case 'EACCES':
    case 'EPERM':
      return ['this user may not write there', `let the user that serves own ${folder}`];
    default:
      return [failure, `see that SQLite can make a database with a WAL in ${folder}`];
  }
}
