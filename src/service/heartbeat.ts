import type { KeyWrapper } from '../custody/port.ts';
import { announce, ANNOUNCE_MS } from '../uploads/replicas.ts';
import type { Services } from '../uploads/services.ts';

export interface HeartbeatDeps extends Pick<Services, 'store' | 'now'> {
  readonly replicaId: string;
  readonly wrappers: readonly string[];
  readonly keks: Pick<KeyWrapper, 'keks'>;
  /** Of one that was not heard. The next is sent all the same. */
  readonly onError: (error: unknown) => void;
}

/** Says to whoever works on the same store what this process has, so that nobody takes a KEK away that it needs. */
export interface Heartbeat {
  /** Rejects when the first was not heard: then nothing is said. */
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
  let saying: Promise<void> = Promise.resolve();

  async function say(): Promise<void> {
    const held = await keks.keks();
    await announce(services, { id: replicaId, wrappers, keks: held });
  }

  function schedule(): void {
    timer = setTimeout(() => {
      saying = say()
        .catch(onError)
        .finally(() => {
          if (timer !== undefined) schedule();
        });
    }, ANNOUNCE_MS);
    timer.unref();
  }

  return {
    async begin() {
      await say();
      schedule();
    },
    async end() {
      clearTimeout(timer);
      timer = undefined;
      await saying;
      await services.store.custody.withdraw(replicaId).catch(onError);
    },
  };
}
