import type { KekName, Replica } from '../store/port.ts';
import type { Services } from './services.ts';

/** How often each process that serves says that it does. */
export const ANNOUNCE_MS = 30_000;
/** Who has said nothing for so long serves no longer: it missed it four times, or the clocks are that far apart. */
const COUNTS_MS = 2 * 60_000;
const FORGOTTEN_MS = 24 * 3_600_000;

export function announce(
  { store, now }: Pick<Services, 'store' | 'now'>,
  self: Omit<Replica, 'at'>,
): Promise<void> {
  const at = now();
  return store.custody.announce({ ...self, at }, at - FORGOTTEN_MS);
}

/** Those that serve now. */
export function servingReplicas({ store, now }: Pick<Services, 'store' | 'now'>): Promise<Replica[]> {
  return store.custody.replicas(now() - COUNTS_MS);
}

export function holds({ keks }: Replica, kek: KekName): boolean {
  return keks.some((held) => isSame(held, kek));
}

/** Whether its new keys are under this KEK, or under intermediate keys that are. */
export function wrapsWith({ keks: [current] }: Replica, kek: KekName): boolean {
  return current !== undefined && isSame(current, kek);
}

/** As their logs name them. */
export function namesOf(replicas: readonly Replica[]): string {
  return replicas.map(({ id }) => `the running service ${id}`).join(', ');
}

function isSame(one: KekName, other: KekName): boolean {
  return one.wrapperId === other.wrapperId && one.kekId === other.kekId;
}
