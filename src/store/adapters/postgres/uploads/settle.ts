import { IntermediateGone, KekRetired } from '../../../errors.ts';
import { INTERMEDIATE } from '../../../../custody/intermediate.ts';
import type { IdempotencyRecord } from '../../../port.ts';
import type { Connection, Session } from '../connection.ts';
import { settleApart } from './apart.ts';
import { openCharges, type Charged } from './charges.ts';
import * as slots from './slots.ts';

/** One call of `insert`. */
export interface InsertCall extends Charged {
  readonly idempotency: IdempotencyRecord | undefined;
}

/** How it ended; `again`: others were in the way, ask once more. */
export type Verdict =
  | { readonly kind: 'stored' }
  | { readonly kind: 'replay'; readonly record: IdempotencyRecord }
  | { readonly kind: 'refused'; readonly error: Error }
  | { readonly kind: 'again' };

/** The calls by their place in the group. */
type Refused = ReadonlyMap<number, Error>;

/**
 * Stores what calls of one group ask for by one commit, each with a verdict of its own.
 * @param calls no two with one idempotency identity.
 * @throws DependencyUnavailable for all of them.
 */
export async function settle(connection: Connection, calls: readonly InsertCall[]): Promise<Verdict[]> {
  try {
    return await (calls.some(isCharged) ? settleCharged(connection, calls) : settleFree(connection, calls));
  } catch (error) {
    const verdicts = await settleApart((some) => settle(connection, some), calls, error);
    if (verdicts === undefined) throw error;
    return verdicts;
  }
}

const isCharged = ({ grant, quotas }: InsertCall): boolean => grant !== undefined || quotas.length > 0;

/** One statement commits by itself, and saves the round trips of a transaction. */
async function settleFree(connection: Connection, calls: readonly InsertCall[]): Promise<Verdict[]> {
  const now = earliest(calls);
  const stored = slots.toStored(await connection.one(slots.STORE, valuesOf(calls, now)));
  const asked = unstoredRecords(calls, stored.calls);
  if (asked.size === 0) return verdictsOf(calls, stored, new Map(), new Map());
  const rows = await connection.one(slots.FIND_RECORDS, slots.recordValues(asked, now));
  return verdictsOf(calls, stored, new Map(), slots.toRecords(rows));
}

/** Who has no room left is known before the slots are stored, and who is stored only then: see `recount`. */
async function settleCharged(connection: Connection, calls: readonly InsertCall[]): Promise<Verdict[]> {
  const now = earliest(calls);
  return connection.write(async (session) => {
    const charges = await openCharges(session, calls);
    const refused = new Map<number, Error>();
    calls.forEach((call, n) => {
      try {
        charges.count(call);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        refused.set(n, error);
      }
    });
    const fitting = calls.map((_, n) => n).filter((n) => !refused.has(n));
    const stored = await storeSome(session, calls, fitting, now);
    await charges.write(calls.filter((_, n) => stored.calls.has(n)));
    const asked = unstoredRecords(calls, stored.calls);
    const rows =
      asked.size === 0 ? [] : await session.all(slots.FIND_RECORDS, slots.recordValues(asked, now));
    const verdicts = verdictsOf(calls, stored, refused, slots.toRecords(rows));
    return stored.calls.size === fitting.length ? verdicts : recount(session, calls, verdicts, refused);
  });
}

/**
 * Some calls were counted that were not stored in the end, and others may have been refused for their sake. Those that have no room beside
 * what is stored by now stay refused, however often they would be asked again; the first that has, and all after it, are.
 */
async function recount(
  session: Session,
  calls: readonly InsertCall[],
  verdicts: readonly Verdict[],
  refused: Refused,
): Promise<Verdict[]> {
  const doubtful = calls.filter((_, n) => refused.has(n) && verdicts[n]?.kind === 'refused');
  const charges = await openCharges(session, doubtful);
  let hasRoom = false;
  return verdicts.map((verdict, n) => {
    const call = calls[n];
    if (call === undefined || !doubtful.includes(call)) return verdict;
    if (!hasRoom) {
      try {
        charges.count(call);
        hasRoom = true;
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        return { kind: 'refused', error };
      }
    }
    return { kind: 'again' };
  });
}

async function storeSome(
  session: Session,
  calls: readonly InsertCall[],
  chosen: readonly number[],
  now: number,
): Promise<slots.Stored> {
  const some = chosen.flatMap((n) => calls[n] ?? []);
  if (some.length === 0) return { calls: new Set(), unusable: [] };
  const stored = slots.toStored(await session.all(slots.STORE, valuesOf(some, now)));
  return { ...stored, calls: new Set(chosen.filter((_, n) => stored.calls.has(n))) };
}

function valuesOf(calls: readonly InsertCall[], now: number) {
  const named = calls.map((call) => ({ ...call, chargedTo: call.grant?.createdBy }));
  return slots.storeValues(named, now);
}

/** Calls come within moments; an idempotency record that ends between two of them is there for both. */
function earliest(calls: readonly InsertCall[]): number {
  return Math.min(...calls.map(({ now }) => now));
}

function unstoredRecords(
  calls: readonly InsertCall[],
  stored: ReadonlySet<number>,
): Map<number, IdempotencyRecord> {
  const records = new Map<number, IdempotencyRecord>();
  calls.forEach(({ idempotency }, n) => {
    if (idempotency !== undefined && !stored.has(n)) records.set(n, idempotency);
  });
  return records;
}

function verdictsOf(
  calls: readonly InsertCall[],
  stored: slots.Stored,
  refused: Refused,
  records: ReadonlyMap<number, IdempotencyRecord>,
): Verdict[] {
  return calls.map((call, n) => {
    if (stored.calls.has(n)) return { kind: 'stored' };
    // Before all else: a replay is not charged, nor does it need its key any more.
    const record = records.get(n);
    if (record !== undefined) return { kind: 'replay', record };
    const error = refused.get(n) ?? unusableFor(call, stored.unusable);
    // Neither: the record that was in the way has gone meanwhile.
    return error === undefined ? { kind: 'again' } : { kind: 'refused', error };
  });
}

function unusableFor(call: InsertCall, unusable: slots.Stored['unusable']): Error | undefined {
  const found = unusable.find(({ wrapperId, kekId }) =>
    call.slots.some(({ key }) => key.wrapperId === wrapperId && key.kekId === kekId),
  );
  if (found === undefined) return undefined;
  return found.wrapperId === INTERMEDIATE
    ? new IntermediateGone(found.kekId)
    : new KekRetired(found.wrapperId, found.kekId);
}
