import type { Writable } from 'node:stream';
import { printable, printableJson } from '../../printable.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../../client/retry.ts';

/** Where a partner's command writes, and what it hears from the keyboard. */
export interface Terminal {
  /** What a program may read: results. */
  readonly stdout: Writable;
  /** What a person reads: progress, failures, the summary. */
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly retry: RetryPolicy;
  /** Calls back at the first Ctrl-C; the second has its usual effect and ends the process. @returns how to stop listening. */
  onInterrupt(listener: () => void): () => void;
}

export const processTerminal: Terminal = {
  stdout: process.stdout,
  stderr: process.stderr,
  now: Date.now,
  retry: DEFAULT_RETRY,
  onInterrupt(listener) {
    process.once('SIGINT', listener);
    return () => process.off('SIGINT', listener);
  },
};

/** One line for a person. All lines go this way, as names and what the service and S3 say are foreign text. */
export function sayLine(stream: Writable, line: string): void {
  stream.write(`${printable(line)}\n`);
}

/** One line for a program. A terminal may be what reads it, and JSON itself escapes only some control characters. */
export function sayJson(stream: Writable, value: object): void {
  stream.write(`${printableJson(JSON.stringify(value))}\n`);
}
