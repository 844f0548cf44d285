/** A bound on what a tenant, or one principal of it, announces. */
export interface Quota {
  readonly tenant: string;
  /** Whose slots count: those that it made, and those of the grants that it minted. Null: all of the tenant. */
  readonly principal: string | null;
  /** How many slots may be `issued` with an `expiresAt` to come; null: no bound. */
  readonly openSlots: number | null;
  /** Announced sizes within one day of UTC, in bytes; null: no bound, and nothing is counted. */
  readonly bytesPerDay: number | null;
}
