import type { KekUse } from '../../port.ts';
import { integer, text, type Row } from './rows.ts';

/** @param rows of `USAGE`. */
export function toUsage(rows: readonly Row[]): KekUse[] {
  const uses = new Map<string, KekUse>();
  for (const row of rows) {
    const [wrapperId, kekId] = [text(row, 'wrapper_id'), text(row, 'kek_id')];
    const name = JSON.stringify([wrapperId, kekId]);
    const use = uses.get(name) ?? { wrapperId, kekId, objectKeys: 0, intermediateKeys: 0, copies: 0 };
    const kind = toKind(text(row, 'kind'));
    uses.set(name, { ...use, [kind]: use[kind] + integer(row, 'keys') });
  }
  return [...uses.values()];
}

const KINDS = ['objectKeys', 'intermediateKeys', 'copies'] as const;

function toKind(value: string): (typeof KINDS)[number] {
  const kind = KINDS.find((known) => known === value);
  if (kind === undefined) throw new TypeError(`unknown kind ${value}`);
  return kind;
}
