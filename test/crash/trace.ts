import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** What a system call of the service did, as far as it matters here. */
export type TracedEvent =
  /** Bytes of a request were read. */
  | { readonly kind: 'request'; readonly connection: string; readonly bytes: Buffer }
  /** An answer was begun, in one write with its body. */
  | { readonly kind: 'answer'; readonly status: number; readonly bytes: Buffer }
  /** A page was written to the WAL. `commits`: its frame is the last of a transaction. */
  | { readonly kind: 'page'; readonly commits: boolean; readonly bytes: Buffer }
  /** The WAL was synced. */
  | { readonly kind: 'sync' };

/** One answered call, as the system calls tell it. */
export interface TracedCall {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Pages written to the database's WAL between reading the request and beginning to write the answer. */
  readonly walWrites: number;
  /** Syncs of the WAL in that time, each of which follows a write. */
  readonly walSyncs: number;
  /**
   * True when, before the answer was begun, all that had been written to the WAL since the service began was synced. Of a slot's removal
   * the job begins at once, and may be writing while it is answered: of a call that names a slot, what it has written itself counts.
   */
  readonly durable: boolean;
}

/** Everything that could write the WAL or sync it, and what reads requests and writes answers. A thread a file: no line is split. */
export function straceInto(dir: string): string[] {
  const calls =
    'read,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,pwritev2,fdatasync,fsync,sync_file_range';
  const whole = ['-s', '8192'];
  // All texts in hex, so that a page of the WAL can be read.
  const format = ['-ff', '-y', '-xx', '-ttt', '--syscall-times=us', ...whole];
  return ['strace', ...format, '-e', `trace=${calls}`, '-e', 'signal=none', '-o', join(dir, 'trace')];
}

const READS = ['read', 'recvfrom', 'recvmsg'];
const WRITES = ['write', 'writev', 'sendto', 'sendmsg', 'pwrite64', 'pwritev', 'pwritev2'];
const SYNCS = ['fdatasync', 'fsync'];
const REQUEST = /^([A-Z]+) (\/v1\/\S+) HTTP\/1\.1/;
const ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
const ANSWER = /^HTTP\/1\.1 (\d{3}) /;
/** Before each page: its number, and the size of the database in pages when the frame commits a transaction, else 0. */
const FRAME_HEADER_BYTES = 24;
/** At the beginning of a WAL. */
const WAL_HEADER_BYTES = 32;

/** Reads the trace of a service that has ended: what its threads did, in the order of things. */
export async function readEvents(dir: string): Promise<TracedEvent[]> {
  const events: { at: number; event: TracedEvent }[] = [];
  for (const lines of await threads(dir)) events.push(...eventsOf(lines));
  // Of one thread they stay in their order.
  return events.sort((a, b) => a.at - b.at).map(({ event }) => event);
}

/** Of one thread, each with its time: a sync and a reading when they returned, a write when it was begun. */
function eventsOf(lines: readonly string[]): { at: number; event: TracedEvent }[] {
  const events: { at: number; event: TracedEvent }[] = [];
  let commits: boolean | undefined;
  for (const line of lines) {
    const { name, path, bytes, result, begunAt, endedAt } = parse(line);
    const isWal = path.endsWith('-wal');
    if (SYNCS.includes(name)) {
      if (isWal && result === 0) events.push({ at: endedAt, event: { kind: 'sync' } });
    } else if (WRITES.includes(name) && isWal) {
      if (bytes.length === FRAME_HEADER_BYTES) {
        commits = bytes.readUInt32BE(4) !== 0;
      } else if (bytes.length !== WAL_HEADER_BYTES) {
        if (commits === undefined)
          throw new Error(`a page without its frame's header: ${line.slice(0, 200)}`);
        events.push({ at: begunAt, event: { kind: 'page', commits, bytes } });
        commits = undefined;
      }
    } else if (WRITES.includes(name)) {
      const status = ANSWER.exec(bytes.toString('latin1'))?.[1];
      if (status !== undefined)
        events.push({ at: begunAt, event: { kind: 'answer', status: Number(status), bytes } });
    } else if (READS.includes(name) && path.startsWith('socket:') && bytes.length > 0) {
      events.push({ at: endedAt, event: { kind: 'request', connection: path, bytes } });
    }
  }
  return events;
}

/** Of a service that served one client, call after call. */
export function serialCalls(events: readonly TracedEvent[]): TracedCall[] {
  const calls: TracedCall[] = [];
  let call:
    { method: string; path: string; walWrites: number; walSyncs: number; steps: OwnSteps } | undefined;
  let unsynced = false;
  for (const event of events) {
    if (call) noteStep(call.steps, event);
    if (event.kind === 'request') {
      const [, method, path] = REQUEST.exec(event.bytes.toString('latin1')) ?? [];
      if (method !== undefined && path !== undefined)
        call = { method, path, walWrites: 0, walSyncs: 0, steps: { id: ID.exec(path)?.[0], last: 'none' } };
    } else if (event.kind === 'page') {
      unsynced = true;
      if (call) call.walWrites += 1;
    } else if (event.kind === 'sync') {
      if (call && unsynced) call.walSyncs += 1;
      unsynced = false;
    } else if (call) {
      const { steps, ...counted } = call;
      const durable = steps.id === undefined ? !unsynced : steps.last === 'sync';
      calls.push({ ...counted, status: event.status, durable });
      call = undefined;
    }
  }
  return calls;
}

/** How far the first transaction has come that wrote a page with the slot's id since the call was read. */
interface OwnSteps {
  readonly id: string | undefined;
  last: 'none' | 'page' | 'commit' | 'sync';
}

function noteStep(steps: OwnSteps, event: TracedEvent): void {
  const { id } = steps;
  if (event.kind === 'page' && steps.last === 'none' && id !== undefined && event.bytes.includes(id))
    steps.last = 'page';
  if (event.kind === 'page' && steps.last === 'page' && event.commits) steps.last = 'commit';
  if (event.kind === 'sync' && steps.last === 'commit') steps.last = 'sync';
}

/** Where in the trace, counted in events, a slot took its steps; -1 where it did not. */
export interface TracedSlot {
  /** By which its request came. */
  readonly connection: string | undefined;
  /** Its request was read. */
  readonly request: number;
  /** A page that holds it was written to the WAL. */
  readonly page: number;
  /** The last page of that transaction was. */
  readonly commit: number;
  /** The WAL was synced, after that. */
  readonly sync: number;
  /** The answer that tells of it was begun. */
  readonly answer: number;
}

/** @param marker a text that stands in the slot's request, row and answer, and nowhere else. */
export function traceSlot(events: readonly TracedEvent[], marker: string): TracedSlot {
  const after = (start: number, matches: (event: TracedEvent) => boolean): number =>
    start === -1 ? -1 : events.findIndex((event, index) => index >= start && matches(event));
  const holding = (kind: TracedEvent['kind']) => (event: TracedEvent) =>
    event.kind === kind && 'bytes' in event && event.bytes.includes(marker);
  const request = after(0, holding('request'));
  const page = after(request, holding('page'));
  const commit = after(page, (event) => event.kind === 'page' && event.commits);
  const sync = after(commit, (event) => event.kind === 'sync');
  const read = events[request];
  const connection = read?.kind === 'request' ? read.connection : undefined;
  return { connection, request, page, commit, sync, answer: after(request, holding('answer')) };
}

/** Times in microseconds. */
interface ParsedLine {
  readonly name: string;
  readonly path: string;
  readonly bytes: Buffer;
  readonly result: number;
  readonly begunAt: number;
  readonly endedAt: number;
}

function parse(line: string): ParsedLine {
  const [, seconds = '', micros = '', name = '', path = ''] =
    /^(\d+)\.(\d{6}) (\w+)\(\d+<([^>]*)>/.exec(line) ?? [];
  const texts = [...line.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, text = '']) => unhex(text));
  const result = Number(/\)\s*= (-?\d+)/.exec(line)?.[1] ?? -1);
  const begunAt = Number(seconds) * 1e6 + Number(micros);
  const [, tookSeconds = '0', tookMicros = '0'] = /<(\d+)\.(\d{6})>$/.exec(line) ?? [];
  const endedAt = begunAt + Number(tookSeconds) * 1e6 + Number(tookMicros);
  return {
    name,
    path: unhex(path).toString('latin1'),
    bytes: Buffer.concat(texts),
    result,
    begunAt,
    endedAt,
  };
}

function unhex(text: string): Buffer {
  return text.startsWith('\\x') ? Buffer.from(text.replaceAll('\\x', ''), 'hex') : Buffer.from(text);
}

/**
 * The lines of each thread that reads requests, or writes the WAL. `strace` stops a thread at each call and looks at the clock, so times
 * order what different threads did. Waits for it to have written its last line.
 */
async function threads(dir: string): Promise<string[][]> {
  const end = Date.now() + 20_000;
  while (Date.now() < end) {
    const names = (await readdir(dir)).filter((name) => name.startsWith('trace.'));
    const texts = await Promise.all(names.map((name) => readFile(join(dir, name), 'latin1')));
    if (texts.length > 0 && texts.every((text) => /\+\+\+ (exited with|killed by)[^\n]*\n$/.test(text)))
      return texts.map((text) => text.split('\n'));
    await delay(20);
  }
  throw new Error('strace wrote no whole trace of the service');
}
