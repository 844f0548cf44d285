const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A length of time in the unit that is easiest to grasp, rounded down: `under 1 s`, `40 s`, `12 min`, `7 h`, `29 days`. */
export function span(milliseconds: number): string {
  const length = Math.abs(milliseconds);
  if (length < SECOND) return 'under 1 s';
  if (length < 2 * MINUTE) return `${Math.floor(length / SECOND)} s`;
  if (length < 2 * HOUR) return `${Math.floor(length / MINUTE)} min`;
  if (length < 2 * DAY) return `${Math.floor(length / HOUR)} h`;
  return `${Math.floor(length / DAY)} days`;
}

/** RFC 3339, UTC, to the second. */
export function moment(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}
