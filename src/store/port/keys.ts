import type { WrappedKey } from '../../custody/port.ts';
import type { Upload } from '../../uploads/upload.ts';

/** One generation of a slot's key, while it is not destroyed. */
export interface StoredKey {
  readonly generation: number;
  /** Of a superseded generation: the object version that it opens. That of the current one stands in the slot. */
  readonly versionId: string | null;
  readonly wrapped: WrappedKey;
  /** The copy in the tags of its object; null when there is none. */
  readonly copy: KeyCopy | null;
}

/** What a copy of a wrapped key, which lies outside the store, is wrapped by. */
export interface KeyCopy {
  readonly wrapperId: string;
  readonly kekId: string;
  /** The store has wrapped the key anew since. */
  readonly isStale: boolean;
}

/** A key and the slot that its place follows from. */
export interface PlacedKey extends StoredKey {
  readonly upload: Upload;
}

/** Where a page ended: the next begins behind it. Pages go by slot id, then by generation. */
export interface KeyCursor {
  readonly uploadId: string;
  readonly generation: number;
}

export interface Kek {
  readonly wrapperId: string;
  readonly kekId: string;
}

/** Living keys by what wraps them. */
export interface KekUse extends Kek {
  /** Keys of objects wrapped by it. */
  readonly objectKeys: number;
  /** Intermediate keys wrapped by it. */
  readonly intermediateKeys: number;
  /** Copies in tags and in the recovery bucket. */
  readonly copies: number;
}

export interface KeyStore {
  /** `undefined` once destroyed. */
  get(uploadId: string, generation: number): Promise<StoredKey | undefined>;
  /** All generations that are not destroyed, oldest first. */
  all(uploadId: string): Promise<StoredKey[]>;
  /**
   * Living keys of slots in any state, by slot id and generation.
   * @param query `copies: 'stale'` only those whose copy is; `copies: 'missing'` only those without one. `wrappedBy`: only those.
   */
  page(query: {
    tenant?: string;
    wrappedBy?: { wrapperId: string; kekId?: string };
    copies?: 'stale' | 'missing';
    after?: KeyCursor;
    limit: number;
  }): Promise<PlacedKey[]>;
  /**
   * One commit: each key wrapped anew, where it is still wrapped as in `from`. Marks copies as stale. The old bytes are overwritten.
   * @returns for each, whether it was changed: false when somebody else changed or destroyed it meanwhile.
   */
  replace(
    changes: readonly (KeyCursor & { readonly from: WrappedKey; readonly to: WrappedKey })[],
  ): Promise<boolean[]>;
  /**
   * Notes that the copy outside the store is now `of`; null: that there is none any more.
   * @returns false when the key is no longer wrapped as in `of`, and nothing was noted.
   */
  copied(key: KeyCursor, of: WrappedKey | null): Promise<boolean>;
  /** Counts of living keys, objects' and intermediate ones, by wrapper and KEK. */
  usage(): Promise<KekUse[]>;
  /** The KEKs of `usage`, without those of intermediate keys and without counting: it takes no longer with more keys. */
  neededKeks(): Promise<Kek[]>;

  /** The highest generation that there ever was, destroyed or not; 0 when there was none. */
  lastGeneration(uploadId: string): Promise<number>;
  /**
   * One commit: a further generation for an `uploaded` slot, which becomes its `nextGeneration`; `urlEndsAt` is raised to
   * `writesUntil`, since the service will write the object anew.
   * @param upload `nextGeneration` is one more than the last: the key is wrapped in its place, so it is known before.
   * @returns the slot, or undefined when it is not `uploaded`, has a `nextGeneration` already, or the number is not the next: a lost
   *   race, nothing written.
   */
  begin(
    upload: Pick<Upload, 'id' | 'generation'> & { readonly nextGeneration: number },
    key: WrappedKey,
    at: { now: number; writesUntil: number; nextCheckAt: number },
    hasCopy: boolean,
  ): Promise<Upload | undefined>;
  /**
   * One commit: `nextGeneration` becomes `generation`, and the slot's etag and version the new ones. The generation before keeps its key,
   * with the version that it opens.
   * @returns the slot, or undefined when it is not `uploaded` or `nextGeneration` is another.
   */
  advance(
    upload: Pick<Upload, 'id' | 'nextGeneration'>,
    object: { etag: string | null; versionId: string | null; nextCheckAt: number | null },
  ): Promise<Upload | undefined>;
  /**
   * One commit: destroys one generation, not the slot's current one (bytes overwritten); a `nextGeneration` destroyed is given up.
   * @returns false when it is the current one, or there is none.
   */
  destroy(key: KeyCursor, at: number): Promise<boolean>;
  /**
   * One commit: a slot and generations of its key as they were found outside the store.
   * @param kin other ids that a slot of this object may have.
   * @returns false, and nothing was written, when a slot of any tenant has the slot's id, or has an id of `kin` and the same bucket and
   *   object key: as with `adopt`.
   * @throws IntermediateGone, KekRetired when what wraps one of the keys is not there, was destroyed or retired; nothing was written.
   */
  restore(upload: Upload, keys: readonly StoredKey[], kin: readonly string[]): Promise<boolean>;
}
