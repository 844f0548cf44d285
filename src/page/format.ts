const UNITS = ['kB', 'MB', 'GB', 'TB'];
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** `12.4 MB`; a kilobyte has 1,000 bytes, as in the service's documents. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  let value = count / 1000;
  let unit = 0;
  // 999.96 would be shown as 1000.0.
  while (value >= 999.95 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(value < 99.95 ? 1 : 0)} ${UNITS[unit] ?? ''}`;
}

/** Whole percents, and 100 only when it is all. */
export function percent(done: number, size: number): number {
  return size === 0 ? 100 : Math.floor((done / size) * 100);
}

/** Of a time of the service, RFC 3339. */
export function when(time: string): string {
  return WHEN.format(new Date(time));
}

/** `1 file`, `3 files`. */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
