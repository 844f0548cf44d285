import type { StoredIntermediate } from '../../port.ts';
import { integer, text, type Row } from './rows.ts';
import { toCopy, toWrapped } from './wrapped.ts';

export function toIntermediate(row: Row): StoredIntermediate {
  return {
    id: text(row, 'id'),
    tenant: text(row, 'tenant'),
    period: text(row, 'period'),
    version: integer(row, 'version'),
    wrapped: toWrapped(row),
    createdAt: integer(row, 'created_at'),
    copy: toCopy(row),
  };
}
