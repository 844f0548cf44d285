import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** One answered call, as the system calls tell it. */
export interface TracedCall {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Writes to the database's WAL between reading the request and beginning to write the answer. */
  readonly walWrites: number;
  /** Syncs of the WAL in that time, each of which follows a write. */
  readonly walSyncs: number;
  /** True when all that had been written to the WAL, since the service began, was synced before the answer was begun. */
  readonly durable: boolean;
}

/** Everything that could write the WAL or sync it, and what reads requests and writes answers. A thread a file: no line is split. */
export function straceInto(dir: string): string[] {
  const calls =
    'read,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,pwritev2,fdatasync,fsync,sync_file_range';
  return [
    'strace',
    '-ff',
    '-y',
    '-s',
    '96',
    '-e',
    `trace=${calls}`,
    '-e',
    'signal=none',
    '-o',
    join(dir, 'trace'),
  ];
}

const REQUEST = /^(?:read|recvfrom|recvmsg)\(.*?"([A-Z]+) (\/v1\/\S+) HTTP\/1\.1/;
const ANSWER = /^(?:write|writev|sendto|sendmsg)\(.*?"HTTP\/1\.1 (\d{3}) /;
const WAL_WRITE = /^(?:write|writev|pwrite64|pwritev2?)\(\d+<[^>]*-wal>/;
const WAL_SYNC = /^(?:fdatasync|fsync)\(\d+<[^>]*-wal>\)\s*= 0/;

/** Reads the trace of a service that has ended and served one client, call after call. */
export async function readTrace(dir: string): Promise<TracedCall[]> {
  const calls: TracedCall[] = [];
  let call: { method: string; path: string; walWrites: number; walSyncs: number } | undefined;
  let unsynced = false;
  for (const line of await mainThread(dir)) {
    const [, method, path] = REQUEST.exec(line) ?? [];
    const status = ANSWER.exec(line)?.[1];
    if (method !== undefined && path !== undefined) {
      call = { method, path, walWrites: 0, walSyncs: 0 };
    } else if (WAL_WRITE.test(line)) {
      unsynced = true;
      if (call) call.walWrites += 1;
    } else if (WAL_SYNC.test(line)) {
      if (call && unsynced) call.walSyncs += 1;
      unsynced = false;
    } else if (status !== undefined && call) {
      calls.push({ ...call, status: Number(status), durable: !unsynced });
      call = undefined;
    }
  }
  return calls;
}

/** The one thread that serves: SQLite runs on it too, so its order is the order of things. Waits for strace to have written its last line. */
async function mainThread(dir: string): Promise<string[]> {
  const end = Date.now() + 20_000;
  while (Date.now() < end) {
    const names = (await readdir(dir)).filter((name) => name.startsWith('trace.'));
    const threads = await Promise.all(names.map((name) => readFile(join(dir, name), 'latin1')));
    const serving = threads.filter((text) => text.split('\n').some((line) => REQUEST.test(line)));
    if (serving.length > 1)
      throw new Error('more than one thread reads requests: the order of their system calls is not known');
    if (serving[0]?.includes('+++ exited with')) return serving[0].split('\n');
    await delay(20);
  }
  throw new Error('strace wrote no whole trace of a thread that reads requests');
}
