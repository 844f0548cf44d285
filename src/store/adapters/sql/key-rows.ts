import type { StoredKey } from '../../port.ts';
import { integer, orNull, text, type Row } from './rows.ts';
import { toCopy, toWrapped } from './wrapped.ts';

/** Of a statement that names a key's own columns `key_…`, where `uploads` has a column of the same name. */
export function toStoredKey(row: Row): StoredKey {
  return {
    generation: integer(row, 'key_generation'),
    versionId: orNull(text, row, 'key_version_id'),
    wrapped: toWrapped(row),
    copy: toCopy(row),
  };
}
