import { QuotaExceeded } from '../errors.ts';
import type { NewSlot } from './port.ts';
import type { Quota } from './port/quotas.ts';

const DAY_MS = 86_400_000;
/** Most slots end long before their time, by `complete`. */
const LONGEST_WAIT_SECONDS = 60;

/** The number of a day of UTC, from that of the epoch on. @param at milliseconds since the epoch. */
export function dayOf(at: number): number {
  return Math.floor(at / DAY_MS);
}

/** The first day whose announced bytes must stay at `now`: yesterday's, for a replica whose clock is behind. */
export function firstDayKept(now: number): number {
  return dayOf(now) - 1;
}

/** What slots announce, in bytes. Over 2^53 it is not exact, and over every bound all the same. */
export function bytesOf(slots: readonly NewSlot[]): number {
  return slots.reduce((sum, { upload }) => sum + upload.size, 0);
}

/**
 * @param open how many are open, counted no further than the bound; `firstEndsAt` is when the first of them ends, null without any.
 * @throws QuotaExceeded when as many more as `asked` do not fit.
 */
export function requireOpenSlots(
  quota: Quota,
  { open, firstEndsAt }: { open: number; firstEndsAt: number | null },
  asked: number,
  now: number,
): void {
  if (quota.openSlots === null || open + asked <= quota.openSlots) return;
  const waitSeconds = Math.ceil(((firstEndsAt ?? now) - now) / 1000);
  throw new QuotaExceeded({
    quota: 'openSlots',
    per: quota.principal === null ? 'tenant' : 'principal',
    limit: quota.openSlots,
    used: open,
    retryAfterSeconds: Math.min(LONGEST_WAIT_SECONDS, Math.max(1, waitSeconds)),
  });
}

/**
 * @param announced what was announced today before, in bytes.
 * @throws QuotaExceeded when as many more as `asked` do not fit.
 */
export function requireBytes(quota: Quota, announced: number, asked: number, now: number): void {
  if (quota.bytesPerDay === null || announced + asked <= quota.bytesPerDay) return;
  throw new QuotaExceeded({
    quota: 'bytesPerDay',
    per: quota.principal === null ? 'tenant' : 'principal',
    limit: quota.bytesPerDay,
    used: announced,
    retryAfterSeconds: Math.ceil(((dayOf(now) + 1) * DAY_MS - now) / 1000),
  });
}
