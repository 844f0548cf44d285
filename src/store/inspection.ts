import type { KekUse } from './port.ts';

/** What can be told of a store from beside it, without creating, migrating or changing it. */
export interface StoreInspection {
  /** Symbolic links followed. */
  readonly path: string;
  readonly state: StoreState;
  /** Living keys by what wraps them; `undefined` unless the store is sound and its schema is this version's. */
  readonly usage: readonly KekUse[] | undefined;
  /** A serving process holds it now. */
  readonly served: boolean;
  /**
   * Why no database of the same kind could be made, committed to disk and removed in the store's folder: `ENOSPC`, `EDQUOT`, `EROFS`,
   * `EACCES` or other words; `undefined` when all of that worked.
   */
  readonly writeFailure: string | undefined;
}

export type StoreState =
  /** Made at the first start. */
  | { readonly kind: 'absent' }
  /** `pending` names the migrations that the next start applies; `applied` is how many there are already. */
  | { readonly kind: 'sound'; readonly applied: number; readonly pending: readonly string[] }
  /** A newer version has applied this migration. */
  | { readonly kind: 'newer'; readonly migration: number }
  /** This migration is not the one that was applied. */
  | { readonly kind: 'changed'; readonly migration: string }
  /** Another program's file. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'damaged'; readonly complaint: string }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** @param path of the store. Rejects only for a defect of its own: what is wrong with the store is in the answer. */
export type InspectStore = (path: string) => Promise<StoreInspection>;
