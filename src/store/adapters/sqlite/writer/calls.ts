import type { Charge, IdempotencyRecord, NewSlot, Quota, Store } from '../../../port.ts';
import type { Told } from './errors.ts';

/**
 * The methods of the port that write. What is missing here would be called on a connection that only reads, and fail: the contract suite
 * calls each.
 */
export const WRITES = {
  uploads: [
    'insert',
    'extend',
    'makeDue',
    'adopt',
    'update',
    'bury',
    'forget',
    'purge',
    'claimDue',
    'dropEndedIdempotency',
    'dropEndedDays',
  ],
  keys: ['replace', 'copied', 'begin', 'advance', 'destroy', 'restore'],
  intermediates: ['insert', 'replace', 'copied', 'destroy'],
  custody: ['announce', 'withdraw', 'retire'],
  outbox: ['claim', 'note', 'replay', 'dropDelivered'],
  grants: ['insert', 'revoke', 'dropEnded'],
  apiKeys: ['insert', 'revoke', 'touch'],
  leases: ['take', 'release', 'dropEnded'],
} as const satisfies { readonly [Port in keyof Store]?: readonly (keyof Store[Port])[] };

export type WritingPort = keyof typeof WRITES;

/** One call of the port as it crosses to the thread that writes: plain data. */
export interface Call {
  /** Undefined: of the store itself. */
  readonly port: WritingPort | undefined;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** How a call ended: with the value, or with the error. */
export type Outcome = readonly [value: unknown] | readonly [value: undefined, error: Told];

/** What the thread begins with. */
export interface WriterData {
  /** The store's real path. */
  readonly path: string;
  /** Another died before it: what that one had to scrub is not known. */
  readonly isSuccessor: boolean;
}

/** What is sent to it: calls to commit together, or that it should end. */
export type ToWriter = readonly Call[] | 'close';

/**
 * A copy of plain data. Bytes get a buffer of their own: else all of the buffer that they lie in would cross, which in Node's pool holds
 * what others have put there (invariant 2).
 */
export function carried(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(carried);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, carried(part)]));
}

/**
 * The arguments of `UploadStore.insert`, field by field: the caller's objects hold more than the port asks for, customer keys among it,
 * which must not cross; and it is the call that must be cheap.
 */
export function carriedInsert(
  slots: readonly NewSlot[],
  idempotency: IdempotencyRecord | undefined,
  now: number,
  grant?: Charge,
  quotas?: readonly Quota[],
): unknown[] {
  return [
    slots.map(({ upload, key: { wrapperId, kekId, bytes }, hasCopy }) => ({
      upload,
      key: { wrapperId, kekId, bytes: new Uint8Array(bytes) },
      hasCopy,
    })),
    carried(idempotency),
    now,
    grant && { tenant: grant.tenant, id: grant.id, createdBy: grant.createdBy },
    quotas,
  ];
}
