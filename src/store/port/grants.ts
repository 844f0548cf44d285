import type { Grant } from '../../access/grant.ts';

/** Grants, until some time after their end. What they allow is charged by `UploadStore.insert`, in the commit of the slots. */
export interface GrantStore {
  insert(grant: Grant): Promise<void>;
  /** A tenant's grant, whatever became of it; another tenant's is `undefined`, as if it did not exist (invariant 7). */
  get(tenant: string, id: string): Promise<Grant | undefined>;
  /** A tenant's, newest first by id. @param before only ids smaller than it. */
  list(tenant: string, query: { before?: string; limit: number }): Promise<Grant[]>;
  /**
   * One commit: from then on the grant makes no slots. Revoking twice keeps the first time.
   * @returns the grant after the change, or `undefined` when this tenant has none of this id.
   */
  revoke(tenant: string, id: string, at: number): Promise<Grant | undefined>;
  /**
   * Drops grants whose `endsAt` was before `before`, those first that ended first, `limit` at most, and none that another caller is
   * dropping.
   * @returns how many.
   */
  dropEnded(before: number, limit: number): Promise<number>;
}
