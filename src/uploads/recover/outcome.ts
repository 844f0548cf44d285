/** Why something is not recovered. All but `unavailable` stays so until somebody has acted. */
export type RefusalCode =
  | 'no_copy'
  | 'bad_copy'
  | 'unreadable'
  | 'not_configured'
  | 'misplaced'
  | 'not_authentic'
  | 'kek_refused'
  | 'wrong_key'
  | 'not_sse_c'
  | 'other_upload'
  | 'too_many_versions'
  | 'unavailable';

export interface Refusal {
  readonly code: RefusalCode;
  readonly detail: string;
}

/** What an operator should look at, though the slot is there again. */
export type Note = 'behind_delete_marker' | 'older_generation_on_top' | 'rejected';

export interface RefusedVersion extends Refusal {
  readonly versionId: string | null;
}

export type Recovery =
  | {
      readonly kind: 'recovered';
      readonly tenant: string;
      readonly id: string;
      readonly notes: readonly Note[];
      /** Other versions of the object, which nothing is known of. */
      readonly refused: readonly RefusedVersion[];
    }
  | { readonly kind: 'already'; readonly tenant: string; readonly id: string }
  /** Another tenant's, or gone since it was listed. */
  | { readonly kind: 'passed_over' }
  | { readonly kind: 'refused'; readonly refused: readonly RefusedVersion[] };

/** Where it lies: an object or the copy of an intermediate key. */
export interface RecoveredPlace {
  readonly bucket: string;
  /** Null stands for the listing of the bucket. */
  readonly objectKey: string | null;
}
