/**
 * S3 refuses signatures that are further off, so no answer to a signed request can truthfully say more; a `Date` of 1970 must not
 * move the end of a URL, and with it the life of a key, by decades.
 */
const MOST_MS = 15 * 60_000;

/** How far S3's clock is from ours, learnt from the `Date` of its answers. */
export class ClockSkew {
  #milliseconds = 0;

  get milliseconds(): number {
    return this.#milliseconds;
  }

  /**
   * @param date the answer's `Date` header; anything unreadable is ignored.
   * @param sent our clock before the request, and `received` after the answer's head.
   */
  learn(date: string | undefined, sent: number, received: number): void {
    const theirs = Date.parse(date ?? '');
    if (Number.isNaN(theirs) || Math.abs(theirs - received) > MOST_MS) return;
    const roundTrip = Math.max(0, received - sent);
    const skew = Math.round(skewOf(theirs, sent, received));
    this.#milliseconds = Math.abs(skew) < 1000 + roundTrip / 2 ? 0 : skew;
  }
}

/**
 * Their clock minus ours in milliseconds.
 * @param theirs the time in an answer's `Date`, `sent` our clock before the request, `received` after the answer's head.
 */
export function skewOf(theirs: number, sent: number, received: number): number {
  // `Date` drops the milliseconds, and it was written somewhere within the round trip: take the middle of both.
  return theirs + 500 - (sent + Math.max(0, received - sent) / 2);
}
