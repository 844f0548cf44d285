/** How many different times there are in the answers of one moment, and some. */
const MOST_KEPT = 32;
const kept = new Map<number, string>();

/** @param milliseconds since the epoch. @returns RFC 3339 in UTC. The times of requests that come together are mostly the same few. */
export function rfc3339(milliseconds: number): string {
  const known = kept.get(milliseconds);
  if (known !== undefined) return known;
  const text = new Date(milliseconds).toISOString();
  if (kept.size >= MOST_KEPT) kept.clear();
  kept.set(milliseconds, text);
  return text;
}
