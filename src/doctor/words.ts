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

/** What could move a terminal's cursor, break a line or turn the reading direction. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** What S3, certificates and files call themselves is foreign text: its control characters are spelled out. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${codeOf(character)}}`);
}

/** JSON as it is, still the same document; it leaves some control characters raw, and a terminal may be what reads it. */
export function printableJson(json: string): string {
  return json.replace(UNPRINTABLE, (character) =>
    character === '\n' ? character : `\\u${codeOf(character).padStart(4, '0')}`,
  );
}

function codeOf(character: string): string {
  return character.charCodeAt(0).toString(16);
}
