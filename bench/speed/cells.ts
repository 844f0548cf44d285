export type StoreKind = 'sqlite' | 'postgres';
export type CustodyKind = 'local' | 'hierarchy';
export type AuthKind = 'key' | 'es256' | 'rs256';

/** What answers: the endpoint people write, one that does nothing, or a service of ours. */
export type Subject =
  | { readonly kind: 'naive' | 'empty' }
  | { readonly kind: 'sealslot'; readonly store: StoreKind; readonly custody: CustodyKind };

export interface Cell {
  readonly subject: Subject;
  readonly auth: AuthKind | undefined;
  /** Slots an answer. */
  readonly slots: number;
  readonly connections: number;
}

export const BATCH = 100;

export function subjectId(subject: Subject): string {
  return subject.kind === 'sealslot' ? `${subject.store}+${subject.custody}` : subject.kind;
}

/** What is measured, without how many ask for it. */
export function variantOf({ subject, auth, slots }: Cell): string {
  const name = auth === undefined ? subjectId(subject) : `${subjectId(subject)}+${auth}`;
  return slots === 1 ? name : `${name} ×${slots}`;
}

/** `sqlite+local+key@64` */
export function cellId(cell: Cell): string {
  return `${variantOf(cell)}@${cell.connections}`;
}

const plain = (kind: 'naive' | 'empty', connections: number): Cell => ({
  subject: { kind },
  auth: undefined,
  slots: 1,
  connections,
});

const slot =
  (store: StoreKind, custody: CustodyKind, auth: AuthKind, slots = 1) =>
  (connections: number): Cell => ({
    subject: { kind: 'sealslot', store, custody },
    auth,
    slots,
    connections,
  });

const main = slot('sqlite', 'local', 'key');
const batch = (store: StoreKind) => slot(store, 'local', 'key', BATCH);

/** The variant whose peak is halved. */
export const MAIN: Cell = main(64);

const at = (connections: number, ...cells: readonly ((connections: number) => Cell)[]): Cell[] => [
  plain('naive', connections),
  plain('empty', connections),
  ...cells.map((cell) => cell(connections)),
];

const EVERYWHERE = [
  main,
  slot('sqlite', 'local', 'es256'),
  slot('sqlite', 'local', 'rs256'),
  slot('sqlite', 'hierarchy', 'key'),
  slot('postgres', 'local', 'key'),
  slot('postgres', 'local', 'es256'),
  slot('postgres', 'hierarchy', 'key'),
];

/**
 * Those with as many connections stand together, so that what is compared ran within seconds of each other. One and 256 connections only where
 * they say something else. Batches at 4: 1,600 slots at once, as 16 would be, are what the service may turn away for overload.
 */
export const FULL: readonly Cell[] = [
  ...at(1, main),
  ...at(4, batch('sqlite'), batch('postgres')),
  ...at(16, ...EVERYWHERE),
  ...at(64, ...EVERYWHERE),
  ...at(256, main, slot('postgres', 'local', 'key')),
];

export const SHORT: readonly Cell[] = [
  plain('naive', 4),
  batch('sqlite')(4),
  ...at(16, main, slot('sqlite', 'local', 'es256')),
  ...at(64, main, slot('sqlite', 'local', 'es256'), slot('postgres', 'local', 'key')),
];

/** Those whose id has `name` in it, with what they are compared with. @throws when there are none. */
export function only(cells: readonly Cell[], name: string): readonly Cell[] {
  const named = cells.filter((cell) => cellId(cell).includes(name));
  if (named.length === 0)
    throw new Error(`--only ${name}: there is none of that name; there are\n${cells.map(cellId).join('\n')}`);
  const counts = new Set(named.map(({ connections }) => connections));
  return cells.filter(
    (cell) => named.includes(cell) || (cell.auth === undefined && counts.has(cell.connections)),
  );
}
