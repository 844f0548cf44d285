import { printable } from '../../printable.ts';
import { sayLine, type Terminal } from './terminal.ts';

const REDRAW_MS = 100;
const DEFAULT_COLUMNS = 80;
/** Before that a rate says nothing. */
const SETTLING_SECONDS = 2;

/** How far it is, on one line of standard error that is drawn again and again; nothing where that is no terminal. */
export class Progress {
  readonly #terminal: Pick<Terminal, 'stderr' | 'now'>;
  readonly #files: number;
  readonly #bytes: number;
  readonly #beganAt: number;
  readonly #inFlight = new Map<string, number>();
  #filesDone = 0;
  /** Bytes of files that are done, sent or not. */
  #bytesDone = 0;
  /** Bytes that went over the line, for the rate. */
  #bytesMoved = 0;
  #drawnAt = -Infinity;
  #shown = false;

  constructor(terminal: Pick<Terminal, 'stderr' | 'now'>, all: { files: number; bytes: number }) {
    this.#terminal = terminal;
    this.#files = all.files;
    this.#bytes = all.bytes;
    this.#beganAt = terminal.now();
  }

  /**
   * @param bytes of this file so far; fewer than before when a try has failed.
   * @param resumed bytes of these that did not go over the line now.
   */
  moved(name: string, bytes: number, resumed = 0): void {
    this.#bytesMoved += Math.max(0, bytes - Math.max(resumed, this.#inFlight.get(name) ?? 0));
    this.#inFlight.set(name, bytes);
    this.#draw(name);
  }

  /** @param size of the file in bytes, whether sent, there already or failed. */
  finished(name: string, size: number): void {
    this.#inFlight.delete(name);
    this.#filesDone += 1;
    this.#bytesDone += size;
    this.#draw(name);
  }

  /** A line for a person, above the progress. */
  say(text: string): void {
    this.clear();
    sayLine(this.#terminal.stderr, text);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#shown) this.#terminal.stderr.write('\r\x1b[K');
    this.#shown = false;
    this.#drawnAt = -Infinity;
  }

  /** As `; 3.0 GB in 41 s (73 MB/s)`: what went over the line, if anything. */
  summary(): string {
    const seconds = this.#seconds();
    if (this.#bytesMoved === 0 || seconds === 0) return '';
    const rate = bytesText(this.#bytesMoved / seconds);
    return `; ${bytesText(this.#bytesMoved)} in ${durationText(seconds)} (${rate}/s)`;
  }

  #seconds(): number {
    return (this.#terminal.now() - this.#beganAt) / 1000;
  }

  #draw(name: string): void {
    const { stderr, now } = this.#terminal;
    if (stderr.isTTY !== true || now() - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now();
    this.#shown = true;
    const line = Array.from(`${this.#line()}  ${printable(name)}`);
    // A line that fills the last column would begin another one.
    // Some terminals call themselves 0 columns wide.
    const columns = stderr.columns !== undefined && stderr.columns > 0 ? stderr.columns : DEFAULT_COLUMNS;
    stderr.write(`\r${line.slice(0, columns - 1).join('')}\x1b[K`);
  }

  #line(): string {
    const bytes = this.#bytesDone + [...this.#inFlight.values()].reduce((sum, each) => sum + each, 0);
    const rate = this.#bytesMoved / Math.max(this.#seconds(), 0.001);
    const left =
      rate > 0 && this.#seconds() > SETTLING_SECONDS
        ? `, ${durationText(Math.max(0, this.#bytes - bytes) / rate)} left`
        : '';
    const files = this.#files === 1 ? '' : `${this.#filesDone}/${this.#files} files, `;
    return `${files}${bytesText(bytes)} of ${bytesText(this.#bytes)}, ${bytesText(rate)}/s${left}`;
  }
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Decimal units, two or three digits: `0 B`, `9.8 kB`, `120 MB`. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.5 would be shown as 1000.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ''}`;
}

/** `4 s`, `3 min 5 s`, `2 h 10 min`. */
export function durationText(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
