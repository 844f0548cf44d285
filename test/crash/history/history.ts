/** What clients asked of a service and what they were told: all that "nothing acknowledged is lost" can be checked against. */

/** One body that is asked for; with an Idempotency-Key by several calls. */
export interface Order {
  /** The filename of each of its slots, and of no others: so a slot in the store tells who asked for it, also when nobody was answered. */
  readonly marker: string;
  /** How many slots it asks for. */
  readonly count: number;
  readonly method: 'PUT' | 'multipart';
  readonly idempotencyKey: string | undefined;
  /** The grant by which it is asked for. */
  readonly grantId: string | undefined;
}

export type Ask =
  | { readonly kind: 'create'; readonly order: Order }
  | { readonly kind: 'mint'; readonly count: number }
  | { readonly kind: 'request' | 'parts' | 'complete' | 'remove'; readonly slotId: string };

/** What an answer said of one slot. */
export interface Told {
  readonly slotId: string;
  readonly state?: string;
  /** base64; absent when no request came with it. */
  readonly customerKey?: string;
  /** The latest end of the URLs handed out with it, in milliseconds since the epoch. */
  readonly urlEndsAt?: number;
}

export interface Acknowledgement {
  readonly at: number;
  readonly status: number;
  /** Of a problem. */
  readonly code?: string;
  readonly hasRetryAfter?: boolean;
  readonly isReplay?: boolean;
  readonly slots: readonly Told[];
  /** Of a grant that was minted. */
  readonly grantId?: string;
}

/** One call. Times are of one clock, in milliseconds. */
export interface Call {
  readonly ask: Ask;
  /** What belongs together: an order and what is done to its slots; a grant and all orders by it. */
  readonly unit: string;
  readonly replica: number;
  readonly beganAt: number;
  /** When the connection was cut before the whole answer was there. */
  cutOffAt?: number;
  answer?: Acknowledgement;
}

/** When a replica was killed. */
export interface Kill {
  readonly replica: number;
  readonly at: number;
}

/** A time in which the database was away: calls may be refused with 503 then. */
export interface Outage {
  readonly from: number;
  /** When it took calls again, and everybody knew. */
  readonly to: number;
}

/** What the checker judges. */
export interface History {
  readonly calls: readonly Call[];
  readonly kills: readonly Kill[];
  readonly outages: readonly Outage[];
}

export const clock = (): number => performance.now();

/** Writes a history, and hands out the part of it that a round has touched. */
export class Recorder {
  readonly kills: Kill[] = [];
  readonly outages: Outage[] = [];
  /** How many calls were refused with 503. */
  refused = 0;
  /** When each replica has last answered a call as it should, of those begun then: by `clock`. */
  readonly servedAt = new Map<number, number>();
  readonly #units = new Map<string, Call[]>();
  #touched = new Set<string>();
  #touchedBefore = new Set<string>();
  readonly #unitOfSlot = new Map<string, string>();

  /** @param send resolves with the answer; a rejection is a call that was cut off. @returns undefined when it was. */
  async record(
    ask: Ask,
    unit: string,
    replica: number,
    send: () => Promise<Omit<Acknowledgement, 'at'>>,
  ): Promise<Acknowledgement | undefined> {
    const call: Call = { ask, unit, replica, beganAt: clock() };
    const calls = this.#units.get(unit) ?? [];
    calls.push(call);
    this.#units.set(unit, calls);
    this.#touched.add(unit);
    try {
      const answer = await send();
      call.answer = { ...answer, at: clock() };
      if (answer.status === 503) this.refused += 1;
      if (answer.status < 300)
        this.servedAt.set(replica, Math.max(call.beganAt, this.servedAt.get(replica) ?? 0));
      for (const { slotId } of answer.slots) this.#unitOfSlot.set(slotId, unit);
    } catch {
      call.cutOffAt = clock();
    }
    return call.answer;
  }

  unitOf(slotId: string): string {
    const unit = this.#unitOfSlot.get(slotId);
    if (unit === undefined) throw new Error(`nobody was told of the slot ${slotId}`);
    return unit;
  }

  /** All calls of the units that were touched since this was asked last, or in the time before that. */
  touched(): History {
    const units = new Set([...this.#touched, ...this.#touchedBefore]);
    const calls = [...units].flatMap((unit) => this.#units.get(unit) ?? []);
    this.#touchedBefore = this.#touched;
    this.#touched = new Set();
    return { calls, kills: this.kills, outages: this.outages };
  }

  all(): History {
    return { calls: [...this.#units.values()].flat(), kills: this.kills, outages: this.outages };
  }
}
