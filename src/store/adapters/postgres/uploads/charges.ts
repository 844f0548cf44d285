import { GrantExhausted, GrantExpired, Unauthenticated } from '../../../../errors.ts';
import type { Charge, NewSlot, Quota } from '../../../port.ts';
import { bytesOf, dayOf, requireBytes, requireOpenSlots } from '../../../quotas.ts';
import { integer, orNull, text } from '../../sql/rows.ts';
import type { Session } from '../connection.ts';
import { lockNames, quotaLock } from '../locks.ts';

/** What one call is charged to. */
export interface Charged {
  readonly slots: readonly NewSlot[];
  readonly now: number;
  readonly grant: Charge | undefined;
  readonly quotas: readonly Quota[];
}

/** In the order of ids, as everybody locks grants. */
const LOCK_GRANTS = `
  SELECT id, tenant, count, used, expires_at, revoked_at FROM grants WHERE id = ANY(:ids::text[]) ORDER BY id FOR NO KEY UPDATE`;

const CHARGE_GRANTS = `
  UPDATE grants SET used = used + c.slots FROM unnest(:ids::text[], :slots::bigint[]) AS c (id, slots) WHERE grants.id = c.id`;

/** Each count ends at its bound. */
const count = (of: string): string => `
  SELECT q.n, c.open, c.first_ends_at
  FROM unnest(:ns::int[], :tenants::text[], :principals::text[], :bounds::bigint[]) AS q (n, tenant, principal, bound)
  CROSS JOIN LATERAL (SELECT count(*) AS open, min(expires_at) AS first_ends_at FROM (
    SELECT expires_at FROM uploads WHERE tenant = q.tenant AND ${of} state = 'issued' AND expires_at > :now
    ORDER BY expires_at LIMIT q.bound) AS open) AS c`;
export const OPEN_OF_TENANTS = count('');
export const OPEN_OF_PRINCIPALS = count('charged_to = q.principal AND');

const ANNOUNCED = `
  SELECT a.tenant, a.principal, a.day, a.bytes
  FROM unnest(:tenants::text[], :principals::text[], :days::bigint[]) AS n (tenant, principal, day)
  JOIN announced AS a ON a.tenant = n.tenant AND a.principal = n.principal AND a.day = n.day`;

const ANNOUNCE = `
  INSERT INTO announced (tenant, principal, day, bytes)
  SELECT tenant, principal, day, bytes
  FROM unnest(:tenants::text[], :principals::text[], :days::bigint[], :bytes::bigint[]) AS n (tenant, principal, day, bytes)
  ON CONFLICT (tenant, principal, day) DO UPDATE SET bytes = announced.bytes + excluded.bytes`;

export const DROP_DAYS = `
  DELETE FROM announced WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM announced WHERE day < :day ORDER BY day LIMIT :limit FOR UPDATE SKIP LOCKED))`;

/** How much is left of the grants and quotas of some calls, while nobody else can take of it. */
export interface Charges {
  /**
   * Counts the call in, as if its slots were stored.
   * @throws Unauthenticated, GrantExpired, GrantExhausted, then QuotaExceeded; and nothing is counted.
   */
  count(call: Charged): void;
  /** Writes down what is charged for the calls that were stored. */
  write(calls: readonly Charged[]): Promise<void>;
}

/** In a transaction, whose end lets others at them again. */
export async function openCharges(session: Session, calls: readonly Charged[]): Promise<Charges> {
  const grants = await openGrants(session, calls);
  const quotas = await openQuotas(session, calls);
  return {
    count(call) {
      const taken = grants.take(call);
      try {
        quotas.count(call);
      } catch (error) {
        taken.undo();
        throw error;
      }
    },
    async write(stored) {
      await grants.write(stored);
      await quotas.write(stored);
    },
  };
}

async function openGrants(session: Session, calls: readonly Charged[]) {
  const ids = [...new Set(calls.flatMap(({ grant }) => (grant === undefined ? [] : [grant.id])))];
  const rows = ids.length === 0 ? [] : await session.all(LOCK_GRANTS, { ids });
  const found = new Map(rows.map((row) => [text(row, 'id'), { row, used: integer(row, 'used') }]));
  return {
    take({ grant, slots, now }: Charged): { undo(): void } {
      if (grant === undefined) return { undo: () => undefined };
      const entry = found.get(grant.id);
      if (
        entry === undefined ||
        text(entry.row, 'tenant') !== grant.tenant ||
        orNull(integer, entry.row, 'revoked_at') !== null
      )
        throw new Unauthenticated('The grant has been revoked meanwhile.');
      if (now >= integer(entry.row, 'expires_at')) throw new GrantExpired();
      const left = integer(entry.row, 'count') - entry.used;
      if (slots.length > left) throw new GrantExhausted(left);
      entry.used += slots.length;
      return { undo: () => (entry.used -= slots.length) };
    },
    async write(stored: readonly Charged[]): Promise<void> {
      const sums = new Map<string, number>();
      for (const { grant, slots } of stored)
        if (grant !== undefined) sums.set(grant.id, (sums.get(grant.id) ?? 0) + slots.length);
      if (sums.size > 0)
        await session.run(CHARGE_GRANTS, { ids: [...sums.keys()], slots: [...sums.values()] });
    },
  };
}

interface Open {
  open: number;
  firstEndsAt: number | null;
}

interface Sum {
  readonly tenant: string;
  readonly principal: string;
  readonly day: number;
  bytes: number;
}

async function openQuotas(session: Session, calls: readonly Charged[]) {
  const all = calls.flatMap(({ quotas, now }) => quotas.map((quota) => ({ quota, now })));
  await lockNames(
    session,
    all.map(({ quota }) => quotaLock(quota.tenant, quota.principal)),
  );
  // Only now: these statements see what others have stored that had the locks before.
  const open = await openSlots(session, all);
  const announced = await announcedBytes(session, all);
  return {
    count({ slots, quotas, now, grant }: Charged): void {
      const bytes = bytesOf(slots);
      for (const quota of quotas) {
        const used = open.get(nameOf(quota));
        if (used !== undefined) requireOpenSlots(quota, used, slots.length, now);
        if (quota.bytesPerDay !== null)
          requireBytes(quota, announced.get(sumName(quota, now))?.bytes ?? 0, bytes, now);
      }
      for (const { upload } of slots) {
        if (upload.state !== 'issued' || upload.expiresAt <= now) continue;
        for (const principal of [null, grant?.createdBy ?? upload.principal]) {
          const used = open.get(nameOf({ tenant: upload.tenant, principal }));
          if (used === undefined) continue;
          used.open += 1;
          used.firstEndsAt = Math.min(used.firstEndsAt ?? upload.expiresAt, upload.expiresAt);
        }
      }
      for (const quota of quotas) if (quota.bytesPerDay !== null) add(announced, quota, now, bytes);
    },
    async write(stored: readonly Charged[]): Promise<void> {
      const sums = new Map<string, Sum>();
      for (const { slots, quotas, now } of stored)
        for (const quota of quotas) if (quota.bytesPerDay !== null) add(sums, quota, now, bytesOf(slots));
      if (sums.size > 0) await session.run(ANNOUNCE, { ...columnsOf(sums), bytes: bytesIn(sums) });
    },
  };
}

async function openSlots(
  session: Session,
  all: readonly { readonly quota: Quota; readonly now: number }[],
): Promise<Map<string, Open>> {
  const bounds = new Map<string, { quota: Quota; bound: number }>();
  for (const { quota } of all) {
    if (quota.openSlots === null) continue;
    const known = bounds.get(nameOf(quota));
    bounds.set(nameOf(quota), { quota, bound: Math.max(known?.bound ?? 0, quota.openSlots) });
  }
  const now = Math.min(...all.map((one) => one.now));
  const found = new Map<string, Open>();
  for (const [sql, isOf] of [
    [OPEN_OF_TENANTS, ({ principal }: Quota) => principal === null],
    [OPEN_OF_PRINCIPALS, ({ principal }: Quota) => principal !== null],
  ] as const) {
    const asked = [...bounds.values()].filter(({ quota }) => isOf(quota));
    if (asked.length === 0) continue;
    const rows = await session.all(sql, {
      ns: asked.map((_, n) => n),
      tenants: asked.map(({ quota }) => quota.tenant),
      principals: asked.map(({ quota }) => quota.principal),
      bounds: asked.map(({ bound }) => bound),
      now,
    });
    for (const row of rows) {
      const quota = asked[integer(row, 'n')]?.quota;
      if (quota === undefined) continue;
      found.set(nameOf(quota), {
        open: integer(row, 'open'),
        firstEndsAt: orNull(integer, row, 'first_ends_at'),
      });
    }
  }
  return found;
}

async function announcedBytes(
  session: Session,
  all: readonly { readonly quota: Quota; readonly now: number }[],
): Promise<Map<string, Sum>> {
  const sums = new Map<string, Sum>();
  for (const { quota, now } of all) if (quota.bytesPerDay !== null) add(sums, quota, now, 0);
  if (sums.size === 0) return sums;
  for (const row of await session.all(ANNOUNCED, columnsOf(sums))) {
    const name = JSON.stringify([text(row, 'tenant'), text(row, 'principal'), integer(row, 'day')]);
    const sum = sums.get(name);
    if (sum !== undefined) sum.bytes = integer(row, 'bytes');
  }
  return sums;
}

const nameOf = ({ tenant, principal }: Pick<Quota, 'tenant' | 'principal'>): string =>
  JSON.stringify([tenant, principal]);

const sumName = ({ tenant, principal }: Quota, now: number): string =>
  JSON.stringify([tenant, principal ?? '', dayOf(now)]);

function add(sums: Map<string, Sum>, quota: Quota, now: number, bytes: number): void {
  const sum = sums.get(sumName(quota, now));
  if (sum !== undefined) sum.bytes += bytes;
  else
    sums.set(sumName(quota, now), {
      tenant: quota.tenant,
      principal: quota.principal ?? '',
      day: dayOf(now),
      bytes,
    });
}

function columnsOf(sums: ReadonlyMap<string, Sum>) {
  const all = [...sums.values()];
  return {
    tenants: all.map(({ tenant }) => tenant),
    principals: all.map(({ principal }) => principal),
    days: all.map(({ day }) => day),
  };
}

const bytesIn = (sums: ReadonlyMap<string, Sum>): number[] => [...sums.values()].map(({ bytes }) => bytes);
