import { printable } from '../printable.ts';

const REDRAW_MS = 200;
const CLEAR_LINE = '\r\x1b[K';

export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** How far a command is, on one line of standard error that is drawn again and again; nothing where that is no terminal. */
export class StatusLine {
  readonly #stderr: Output;
  readonly #now: () => number;
  #drawnAt = -Infinity;

  constructor(stderr: Output, now: () => number = Date.now) {
    this.#stderr = stderr;
    this.#now = now;
  }

  /** @param text asked for only when it is drawn. */
  show(text: () => string): void {
    if (this.#stderr.isTTY !== true || this.#now() - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = this.#now();
    this.#stderr.write(CLEAR_LINE + printable(text()));
  }

  /** Lines that stay, in the place of the status. */
  say(lines: string): void {
    this.clear();
    for (const line of lines.split('\n')) this.#stderr.write(`${printable(line)}\n`);
  }

  clear(): void {
    if (this.#stderr.isTTY === true) this.#stderr.write(CLEAR_LINE);
  }
}
