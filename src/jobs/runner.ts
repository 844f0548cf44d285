import type { Services } from '../uploads/services.ts';
import { checkExpired } from '../uploads/expire.ts';
import { sweep } from '../uploads/remove.ts';
import type { Upload } from '../uploads/upload.ts';

const BATCH = 100;
const RETRY_MS = 30_000;

export interface Jobs {
  /** Looks at due slots now, without waiting for the interval. */
  wake(): void;
  /** One pass over all that is due; resolves when done. */
  runOnce(): Promise<void>;
  /** Ends after the slot in hand. */
  stop(): Promise<void>;
}

/** Every `intervalSeconds`, and when woken, looks at the slots whose `nextCheckAt` has come. */
export function createJobs(
  current: () => Services,
  onError: (error: unknown, upload: Upload | undefined) => void,
): Jobs {
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function pass(): Promise<void> {
    const services = current();
    await services.store.uploads.dropEndedIdempotency(services.now());
    for (;;) {
      const due = await services.store.uploads.due(services.now(), BATCH);
      for (const upload of due) {
        if (stopped) return;
        await look(services, upload);
      }
      if (due.length < BATCH) return;
    }
  }

  /** A slot that fails is tried again later and does not keep the others waiting. */
  async function look(services: Services, upload: Upload): Promise<void> {
    try {
      await (upload.state === 'deleting' ? sweep(services, upload) : checkExpired(services, upload));
    } catch (error) {
      onError(error, upload);
      await services.store.uploads.update(upload.id, [upload.state], {
        nextCheckAt: services.now() + RETRY_MS,
      });
    }
  }

  function runOnce(): Promise<void> {
    if (running !== undefined) {
      again = true;
      return running;
    }
    clearTimeout(timer);
    running = pass()
      .catch((error: unknown) => onError(error, undefined))
      .finally(() => {
        running = undefined;
        if (again) {
          again = false;
          if (!stopped) void runOnce();
          return;
        }
        schedule();
      });
    return running;
  }

  function schedule(): void {
    if (stopped) return;
    timer = setTimeout(() => void runOnce(), current().config.jobs.intervalSeconds * 1000);
    timer.unref();
  }

  return {
    wake: () => void (stopped || runOnce()),
    runOnce,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
