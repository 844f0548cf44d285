/** How many different times there are in the answers of one moment, and some. */
const MOST_KEPT = 32;
let kept = new Map<number, string>();

/** @param milliseconds since the epoch. @returns RFC 3339 in UTC. The times of requests that come together are mostly the same few. */
export function rfc3339(milliseconds: number): string {
  const known = kept.get(milliseconds);
  if (known !== undefined) return known;
  const text = new Date(milliseconds).toISOString();
  // A new one: what an old one grows by is garbage of V8's old generation.
  if (kept.size >= MOST_KEPT) kept = new Map();
  kept.set(milliseconds, text);
  return text;
}
