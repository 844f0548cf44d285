import type { KeyWrapper } from '../custody/port.ts';
import { announce, ANNOUNCE_MS } from '../uploads/replicas.ts';
import type { Services } from '../uploads/services.ts';

/** As often as a KEK file is read: what has changed is said at once. What keepers say of their KEKs is remembered for longer. */
const LOOK_MS = 5_000;

export interface HeartbeatDeps extends Pick<Services, 'store' | 'now'> {
  readonly replicaId: string;
  readonly wrappers: readonly string[];
  readonly keks: Pick<KeyWrapper, 'keks'>;
  /** Of one that was not heard. The next is sent all the same. */
  readonly onError: (error: unknown) => void;
}

/** Says to whoever works on the same store what this process has, so that nobody takes a KEK away that it needs. */
export interface Heartbeat {
  /** Rejects when the first was not heard: then nothing more is said. */
  begin(): Promise<void>;
  /** After the one in hand. A store that cannot be told forgets us by itself. */
  end(): Promise<void>;
}

export function createHeartbeat({
  replicaId,
  wrappers,
  keks,
  onError,
  ...services
}: HeartbeatDeps): Heartbeat {
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  let said = '';
  let saidAt = -Infinity;

  async function look(): Promise<void> {
    const held = (await keks.keks()).map(({ wrapperId, kekId }) => ({ wrapperId, kekId }));
    const saying = JSON.stringify(held);
    if (saying === said && services.now() - saidAt < ANNOUNCE_MS) return;
    await announce(services, { id: replicaId, wrappers, keks: held });
    said = saying;
    saidAt = services.now();
  }

  function schedule(): void {
    timer = setTimeout(() => {
      looking = look()
        .catch(onError)
        .finally(() => {
          if (timer !== undefined) schedule();
        });
    }, LOOK_MS);
    timer.unref();
  }

  return {
    async begin() {
      await look();
      schedule();
    },
    async end() {
      const hasBegun = timer !== undefined;
      clearTimeout(timer);
      timer = undefined;
      await looking;
      if (hasBegun) await services.store.custody.withdraw(replicaId).catch(onError);
    },
  };
}
