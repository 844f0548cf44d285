/** How much of the past counts, in milliseconds. */
const WINDOW = 3000;

/** Bytes a second over the last seconds, from what the progress says. */
export class Speed {
  readonly #seen: { at: number; bytes: number }[] = [];

  /** @param at milliseconds of a clock that never goes back. */
  note(bytes: number, at: number): void {
    this.#seen.push({ at, bytes });
    while (this.#seen.length > 2 && at - (this.#seen[0]?.at ?? at) > WINDOW) this.#seen.shift();
  }

  /** After a pause nothing of before counts. */
  forget(): void {
    this.#seen.length = 0;
  }

  /** @returns undefined while too little is known. */
  get bytesPerSecond(): number | undefined {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)];
    if (first === undefined || last === undefined || last.at - first.at < 250) return undefined;
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  }
}
