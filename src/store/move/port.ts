import type { KeyCursor, Store } from '../port.ts';
import type { MovedTable } from './tables.ts';

/** What stands in a column, whatever the database. */
export type Cell = string | number | Uint8Array | null;

/** By column name. */
export type RawRow = Readonly<Record<string, Cell>>;

/** The values of a table's key, in the order of its columns. */
export type RowKey = readonly (string | number)[];

/** In one column: text, a whole number, or bytes. */
export interface Column {
  readonly name: string;
  readonly kind: 'text' | 'integer' | 'bytes';
}

/** Reads rows as they stand, past what the adapter makes of them. Each method may throw `DependencyUnavailable('store')`. */
export interface TableReader {
  /** By name. The bytes of a wrapped key count as the column `wrapped` of its row, wherever they stand. */
  columns(table: MovedTable): Promise<readonly Column[]>;
  /** Rows behind `after` in the order of the key, text by its bytes in UTF-8. */
  page(table: MovedTable, after: RowKey | undefined, limit: number): Promise<RawRow[]>;
}

/** That a store is being moved, or was; in both stores. */
export interface MoveMark {
  /** Of the move: a random UUID, made when it begins. */
  readonly id: string;
  /** Where the other store is, for people; no secret. */
  readonly other: string;
  /** Milliseconds since the epoch. */
  readonly begunAt: number;
  /** Null while rows are copied or compared. */
  readonly finishedAt: number | null;
}

/** The store that is moved, which nobody else has open meanwhile. */
export interface MoveSource extends TableReader, AsyncDisposable {
  /** The file, symbolic links followed. */
  readonly path: string;
  /** Its rows by the usual port. */
  readonly store: Store;
  /** 0 also where an older schema has no such table. */
  count(table: MovedTable): Promise<number>;
  /** At most so many living keys, chosen at random. */
  someKeys(count: number): Promise<KeyCursor[]>;
  mark(): Promise<MoveMark | undefined>;
  /** From its commit on the store opens for nothing but moves. */
  putMark(mark: MoveMark): Promise<void>;
  /** The store opens as before. */
  dropMark(): Promise<void>;
}

/** How far the copy of a table has come. */
export interface TableProgress {
  /** Of the last row that was copied. */
  readonly after: RowKey | undefined;
  readonly rows: number;
  readonly isCopied: boolean;
}

/** The store that is moved to; of this version's schema. Until the mark is finished it opens for nothing but moves. */
export interface MoveTarget extends TableReader, AsyncDisposable {
  /** For people; no secret. */
  readonly name: string;
  readonly store: Store;
  mark(): Promise<MoveMark | undefined>;
  /** How many processes serve from it now. */
  servedBy(): Promise<number>;
  /** The first table with rows in it. */
  occupied(): Promise<string | undefined>;
  /** One commit: the mark, in a store without rows. @throws MoveRefused, and nothing was written. */
  begin(mark: MoveMark): Promise<void>;
  progress(table: MovedTable): Promise<TableProgress>;
  /**
   * One commit: rows, and how far the copy has come with them.
   * @param from what the progress must be still.
   * @returns false, and nothing was written, when it is another: a run that was killed has gone on for a moment.
   */
  add(
    table: MovedTable,
    columns: readonly Column[],
    rows: readonly RawRow[],
    from: TableProgress,
    to: TableProgress,
  ): Promise<boolean>;
  /** Numbers that the database gives from now on are greater than those that were copied. */
  alignNumbers(): Promise<void>;
  /** From its commit on the store may be served from. @throws MoveRefused when its mark is another. */
  finish(id: string, at: number): Promise<void>;
  /** The mark is unfinished again. */
  giveUp(id: string): Promise<void>;
}
