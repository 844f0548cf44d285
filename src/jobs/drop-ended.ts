import { dropEndedGrants } from '../uploads/grants.ts';
import type { Services } from '../uploads/services.ts';

/** Of one commit. */
const MOST = 1_000;
/** Of one pass and kind: what is over waits for the next. */
const COMMITS = 20;

/** What has ended and nothing hangs on. On each replica: each commit takes what no other is dropping, and costs little where there is nothing. */
export async function dropEnded(services: Services): Promise<void> {
  const { store, now } = services;
  const drops: readonly ((limit: number) => Promise<number>)[] = [
    (limit) => store.uploads.dropEndedIdempotency(now(), limit),
    (limit) => store.uploads.dropEndedDays(now(), limit),
    (limit) => store.rateLimits.dropEnded(now(), limit),
    (limit) => dropEndedGrants(services, limit),
    (limit) => store.leases.dropEnded(now(), limit),
  ];
  for (const drop of drops) {
    for (let commits = 0; commits < COMMITS; commits += 1) if ((await drop(MOST)) < MOST) break;
  }
}
