import { sql as initial } from './0001-initial.ts';

interface Step {
  readonly id: number;
  readonly name: string;
  /** Whether a version that does not know this migration may go on working beside it: it only adds what that one never touches. */
  readonly additive: boolean;
}

/** Statements that are applied together or not at all. */
interface Script extends Step {
  readonly kind: 'script';
  readonly sql: string;
}

/** An index on a table that is in use, made `CONCURRENTLY`: not in a transaction, and so to be made again when it was broken off. */
interface Index extends Step {
  readonly kind: 'index';
  readonly index: string;
  /** One statement, which says `CONCURRENTLY`. */
  readonly sql: string;
}

export type PostgresMigration = Script | Index;

/** In order, without gaps. An entry never changes once released: its checksum is recorded in every store it was applied to. */
export const MIGRATIONS: readonly PostgresMigration[] = [
  { id: 1, name: 'initial', kind: 'script', additive: false, sql: initial },
];
