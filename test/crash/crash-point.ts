import type { Interference } from '../support/interference.ts';

export class Crash extends Error {}

/** The process ends before, or right after, its n-th call of a port: from then on no call does anything. */
export class CrashPoint implements Interference {
  readonly #at: number;
  readonly #when: 'before' | 'after';
  #calls = 0;
  /** Where it ended; undefined when the work was done before that. */
  place: string | undefined;

  constructor(at: number, when: 'before' | 'after') {
    this.#at = at;
    this.#when = when;
  }

  before(call: string): void {
    this.#calls += 1;
    this.#end('before', call);
  }

  after(call: string): void {
    this.#end('after', call);
  }

  #end(when: 'before' | 'after', call: string): void {
    if (this.place === undefined && this.#calls === this.#at && when === this.#when)
      this.place = `${when} ${call}`;
    if (this.place !== undefined) throw new Crash(this.place);
  }
}

/** Every crash point of some work: `attempt` is run, in a world of its own, with a crash at ever later points until it is done before. */
export async function atEachStep(attempt: (point: CrashPoint) => Promise<void>): Promise<string[]> {
  const places: string[] = [];
  for (let at = 1; ; at += 1) {
    for (const when of ['before', 'after'] as const) {
      const point = new CrashPoint(at, when);
      await attempt(point);
      if (point.place === undefined) return places;
      places.push(point.place);
    }
  }
}
