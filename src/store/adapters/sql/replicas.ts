import type { KekName, Replica } from '../../port.ts';
import { integer, text, type Row, type Values } from './rows.ts';

export function toReplica(row: Row): Replica {
  return {
    id: text(row, 'id'),
    wrappers: JSON.parse(text(row, 'wrappers')) as string[],
    keks: JSON.parse(text(row, 'keks')) as KekName[],
    at: integer(row, 'announced_at'),
  };
}

/** By column name, for an INSERT with named parameters. */
export function fromReplica({ id, wrappers, keks, at }: Replica): Values {
  const names = keks.map(({ wrapperId, kekId }) => ({ wrapperId, kekId }));
  return { id, wrappers: JSON.stringify(wrappers), keks: JSON.stringify(names), announced_at: at };
}
