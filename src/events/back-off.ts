const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** How long after each attempt that failed the next one follows, as Standard Webhooks advises: 10 attempts within about 4 days. */
const WAITS_MS = [
  ...[5 * SECOND, 5 * MINUTE, 30 * MINUTE],
  ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR),
];
export const MOST_ATTEMPTS = WAITS_MS.length + 1;
/** A tenth more at most, so that what failed together does not come again together. */
const JITTER = 0.1;
/** Whatever the receiver asks for. */
const LONGEST_RETRY_AFTER_MS = 24 * HOUR;

/**
 * @param attempts made so far, this failed one included.
 * @param least what the receiver asked for by `Retry-After`, in seconds.
 * @returns milliseconds until the next attempt; undefined when this was the last.
 */
export function waitAfter(attempts: number, random: () => number, least = 0): number | undefined {
  const wait = WAITS_MS[attempts - 1];
  if (wait === undefined) return undefined;
  return Math.max(wait * (1 + JITTER * random()), Math.min(least * SECOND, LONGEST_RETRY_AFTER_MS));
}
