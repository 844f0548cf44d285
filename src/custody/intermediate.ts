import type { KeyPlace, WrappedKey } from './port.ts';

/** What the wrapped keys of objects remember an intermediate key by; no configured wrapper may be called so. */
export const INTERMEDIATE = 'intermediate';

/** A KEK's child, which wraps the customer keys of one tenant and period in this process. As stored. */
export interface IntermediateKey {
  /** UUIDv7; the `kekId` of what it wraps. */
  readonly id: string;
  readonly tenant: string;
  /** In UTC: `2026-11-23T14`, `2026-11-23` or `2026-11`. */
  readonly period: string;
  /** From 1. A period gets a further version when its newest is destroyed or under another KEK than the current one. */
  readonly version: number;
  readonly wrapped: WrappedKey;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** Its own place, which no object's key shares. */
export function intermediatePlace(key: Omit<IntermediateKey, 'wrapped' | 'createdAt'>): KeyPlace {
  return {
    purpose: 'intermediate',
    tenant: key.tenant,
    bucket: '',
    objectKey: key.period,
    slot: key.id,
    generation: key.version,
  };
}

export const PERIODS = ['hour', 'day', 'month'] as const;
export type Period = (typeof PERIODS)[number];

/** The letters of an ISO time that name a period: `2026-11-23T14`. */
const LETTERS: Readonly<Record<Period, number>> = { hour: 13, day: 10, month: 7 };

/** @param at milliseconds since the epoch. */
export function periodAt(period: Period, at: number): string {
  return new Date(at).toISOString().slice(0, LETTERS[period]);
}
