const MOST = 20;

/** Lets through what is said of the first 20 of each code, and counts the others: a store may hold a million of a kind. */
export class FewOfEach {
  readonly #most: number;
  readonly #counts = new Map<string, number>();

  /** @param most of each code. */
  constructor(most: number = MOST) {
    this.#most = most;
  }

  /** Counts one. @returns whether it is to be said. */
  says(code: string): boolean {
    const count = (this.#counts.get(code) ?? 0) + 1;
    this.#counts.set(code, count);
    return count <= this.#most;
  }

  /** A line for each code of which not all was said. */
  *unsaid(): Generator<string> {
    for (const [code, count] of this.#counts) {
      if (count > this.#most) yield `and ${count - this.#most} more: ${code}`;
    }
  }
}
