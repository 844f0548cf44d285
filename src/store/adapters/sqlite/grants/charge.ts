import { GrantExhausted, GrantExpired, Unauthenticated } from '../../../../errors.ts';
import type { Charge } from '../../../port.ts';
import type { Connection } from '../connection.ts';
import { toGrant } from '../../sql/grant-rows.ts';
import * as sql from './sql.ts';

/**
 * To be asked in the transaction that stores the slots.
 * @throws Unauthenticated, GrantExpired, GrantExhausted; nothing was charged.
 */
export function grantCharger(connection: Connection): (charge: Charge, slots: number, now: number) => void {
  const charges = connection.prepare(sql.CHARGE);
  const get = connection.prepare(sql.GET);
  return ({ tenant, id }, slots, now) => {
    if (Number(charges.run({ id, tenant, slots, now }).changes) === 1) return;
    const row = get.get({ id, tenant });
    const grant = row && toGrant(row);
    if (grant === undefined || grant.revokedAt !== null)
      throw new Unauthenticated('The grant has been revoked meanwhile.');
    if (now >= grant.expiresAt) throw new GrantExpired();
    throw new GrantExhausted(grant.count - grant.used);
  };
}
