import { createHash } from 'node:crypto';
import type { Migration } from '../../migrations/sqlite/index.ts';
import { integer, text, type Row } from '../sql/rows.ts';

/** What a store's schema is to a version with these migrations. */
export type SchemaState =
  | { readonly kind: 'known'; readonly applied: number; readonly pending: readonly Migration[] }
  /** A newer version has applied this migration. */
  | { readonly kind: 'newer'; readonly migration: number }
  /** This migration is not the one that was applied. */
  | { readonly kind: 'changed'; readonly migration: Migration };

export const APPLIED = 'SELECT id, sha256 FROM schema_migrations';

/** @param rows of `APPLIED`. */
export function schemaState(rows: readonly Row[], migrations: readonly Migration[]): SchemaState {
  const applied = new Map(rows.map((row) => [integer(row, 'id'), text(row, 'sha256')]));
  const unknown = [...applied.keys()].find((id) => !migrations.some((migration) => migration.id === id));
  if (unknown !== undefined) return { kind: 'newer', migration: unknown };
  const isChanged = (migration: Migration): boolean => {
    const sha256 = applied.get(migration.id);
    return sha256 !== undefined && sha256 !== checksum(migration);
  };
  const changed = migrations.find(isChanged);
  if (changed !== undefined) return { kind: 'changed', migration: changed };
  return { kind: 'known', applied: applied.size, pending: migrations.filter(({ id }) => !applied.has(id)) };
}

export function checksum({ sql }: Migration): string {
  return createHash('sha256').update(sql).digest('hex');
}
