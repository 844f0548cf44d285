import type { WrappedKey } from '../../../custody/port.ts';
import type { KeyCopy } from '../../port.ts';
import { bytes, integer, text, type Row, type Values } from './rows.ts';

export function toWrapped(row: Row): WrappedKey {
  return { wrapperId: text(row, 'wrapper_id'), kekId: text(row, 'kek_id'), bytes: bytes(row, 'wrapped') };
}

export function toCopy(row: Row): KeyCopy | null {
  if (row['copy_wrapper_id'] === null) return null;
  return {
    wrapperId: text(row, 'copy_wrapper_id'),
    kekId: text(row, 'copy_kek_id'),
    isStale: integer(row, 'copy_stale') === 1,
  };
}

/** By column name, for named parameters. */
export function fromKek({ wrapperId, kekId }: Omit<WrappedKey, 'bytes'>): Values {
  return { wrapper_id: wrapperId, kek_id: kekId };
}

/** By column name, for named parameters. */
export function fromCopy(copy: KeyCopy | null): Values {
  return {
    copy_wrapper_id: copy?.wrapperId ?? null,
    copy_kek_id: copy?.kekId ?? null,
    copy_stale: copy?.isStale === true ? 1 : 0,
  };
}

export function copyOf({ wrapperId, kekId }: WrappedKey, hasCopy: boolean): KeyCopy | null {
  return hasCopy ? { wrapperId, kekId, isStale: false } : null;
}
