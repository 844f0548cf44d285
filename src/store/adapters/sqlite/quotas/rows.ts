import type { NewSlot, Quota } from '../../../port.ts';
import { bytesOf, dayOf, firstDayKept, requireBytes, requireOpenSlots } from '../../../quotas.ts';
import type { Connection } from '../connection.ts';
import { integer, orNull } from '../../sql/rows.ts';
import * as sql from './sql.ts';

export interface QuotaRows {
  /**
   * To be asked in the transaction that stores the slots, and before they are.
   * @throws QuotaExceeded of the first that they do not fit in; the transaction must be given up then.
   */
  charge(quotas: readonly Quota[], slots: readonly NewSlot[], now: number): void;
  dropEnded(now: number, limit: number): number;
}

export function quotaRows(connection: Connection): QuotaRows {
  const openOfTenant = connection.prepare(sql.OPEN_OF_TENANT);
  const openOfPrincipal = connection.prepare(sql.OPEN_OF_PRINCIPAL);
  const announced = connection.prepare(sql.ANNOUNCED);
  const announce = connection.prepare(sql.ANNOUNCE);
  const dropBefore = connection.prepare(sql.DROP_BEFORE);

  function openOf({ tenant, principal, openSlots: limit }: Quota, now: number) {
    const row =
      principal === null
        ? openOfTenant.get({ tenant, now, limit })
        : openOfPrincipal.get({ tenant, principal, now, limit });
    return { open: integer(row ?? {}, 'open'), firstEndsAt: orNull(integer, row ?? {}, 'first_ends_at') };
  }

  return {
    charge(quotas, slots, now) {
      const bytes = bytesOf(slots);
      for (const quota of quotas) {
        if (quota.openSlots !== null) requireOpenSlots(quota, openOf(quota, now), slots.length, now);
        if (quota.bytesPerDay === null) continue;
        const counter = { tenant: quota.tenant, principal: quota.principal ?? '', day: dayOf(now) };
        const row = announced.get(counter);
        requireBytes(quota, row === undefined ? 0 : integer(row, 'bytes'), bytes, now);
        announce.run({ ...counter, bytes });
      }
    },
    dropEnded: (now, limit) => Number(dropBefore.run({ day: firstDayKept(now), limit }).changes),
  };
}
