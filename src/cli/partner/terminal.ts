import type { Writable } from 'node:stream';
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

/** A name without what could move the cursor, break the line or turn the reading direction. */
export function printable(name: string): string {
  return name.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`,
  );
}
