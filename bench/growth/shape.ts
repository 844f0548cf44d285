/** Of the store's slots: all but a tenth are of this tenant. */
export const TENANT = 'acme';
/** What has wrapped their keys. */
export const INTERMEDIATE_ID = '01980000-0000-7000-8000-000000000001';
/** Who has made a third of them, and all that are open. */
export const PRINCIPAL = 'key:partner';

export const DAY_MS = 86_400_000;
/** What is older has left the store. */
export const DAYS = 90;
/** So many slots are due, or what a small store has: a share of the slots it was filled with. */
export const dueOf = (slots: number): number => Math.min(3_000, 0.04 * slots);
/** So many slots are asked for, at random. */
export const SAMPLE = 20_000;
/** The newest so many are asked for as well: what a service is asked for most. */
export const RECENT = 10_000;
/** Of API keys, whatever the number of slots. */
export const API_KEYS = 1_000;

export const apiKeyId = (index: number): string => `partner-${String(index).padStart(4, '0')}`;

/** An id before those of slots that were made then. */
export function idAt(time: number): string {
  const hex = Math.round(time).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

/** An id with so large a share of the slots before it, of those that it was filled with. */
export const idBehind = (share: number, filledAt: number): string =>
  idAt(filledAt - (1 - share) * DAYS * DAY_MS);
