import { actAs } from '../acting.ts';
import { DependencyUnavailable } from '../errors.ts';
import { dropEndedGrants } from '../uploads/grants.ts';
import type { Services } from '../uploads/services.ts';
import { takeNextStep } from '../uploads/next-step.ts';
import { continueRekey } from '../uploads/rekey.ts';
import { claim, isRekeying } from '../uploads/rekey/lease.ts';
import type { Upload } from '../uploads/upload.ts';
import { createLooks } from './looks.ts';
import { createRekeys } from './rekeys.ts';

const BATCH = 100;
const PARALLEL = 8;
const RETRY_MS = 30_000;
/** After what waiting alone does not mend: each try may read a whole object. */
const REKEY_RETRY_MS = 3_600_000;

export interface Jobs {
  /** Looks at one slot as soon as its turn comes, beside whatever pass is under way: a DELETE or a re-key does not wait for one. */
  lookAt(upload: Upload): void;
  /** One pass over all that is due, unless one is under way; resolves when done. The next follows after the interval. */
  runOnce(): Promise<void>;
  /** Ends after the slots in hand; a re-key in hand stops where it is. */
  stop(): Promise<void>;
}

/** Every `intervalSeconds`, looks at the slots whose `nextCheckAt` has come. */
export function createJobs(
  current: () => Services,
  onError: (error: unknown, upload: Upload | undefined) => void,
): Jobs {
  let running: Promise<void> | undefined;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const looks = createLooks((upload) =>
    actAs({ actor: isHinted(upload) ? 'event' : 'job' }, () => look(current(), upload)).catch(
      (error: unknown) => onError(error, upload),
    ),
  );
  const rekeys = createRekeys((upload, signal) =>
    actAs({ actor: 'job' }, () => rekey(current(), upload, signal)).catch((error: unknown) =>
      onError(error, upload),
    ),
  );

  async function pass(): Promise<void> {
    const services = current();
    await services.store.uploads.dropEndedIdempotency(services.now());
    await services.store.uploads.dropEndedDays(services.now());
    await services.store.rateLimits.dropEnded(services.now());
    await dropEndedGrants(services);
    for (;;) {
      const due = await services.store.uploads.due(services.now(), BATCH);
      const full = due.length === BATCH;
      await Promise.all(Array.from({ length: PARALLEL }, () => worker(services, due)));
      if (stopped || !full) return;
    }
  }

  /** Some S3 servers answer a HEAD only when the PUT under way has ended; a few of those must not hold up the rest. */
  async function worker(services: Services, due: Upload[]): Promise<void> {
    for (let upload = due.shift(); upload !== undefined && !stopped; upload = due.shift()) {
      looks.taken(upload);
      if (isRekeying(upload)) await takeOver(services, upload);
      else await look(services, upload);
    }
  }

  /** Its lease has ended, so its worker has. Claimed first, or the next page of this pass would show it again. */
  async function takeOver(services: Services, upload: Upload): Promise<void> {
    const claimed = await claim(services, upload);
    if (claimed !== undefined) rekeys.add(claimed);
  }

  async function rekey(services: Services, upload: Upload, signal: AbortSignal): Promise<void> {
    const claimed = await claim(services, upload);
    if (claimed === undefined) return;
    try {
      await continueRekey(services, claimed, signal);
    } catch (error) {
      if (!signal.aborted) onError(error, upload);
      const retryMs = error instanceof DependencyUnavailable ? RETRY_MS : REKEY_RETRY_MS;
      await services.store.uploads.update(upload.id, ['uploaded'], {
        nextCheckAt: services.now() + (signal.aborted ? 0 : retryMs),
      });
    }
  }

  /** A slot that fails is tried again later and does not keep the others waiting. */
  async function look(services: Services, upload: Upload): Promise<void> {
    try {
      await takeNextStep(services, upload);
    } catch (error) {
      onError(error, upload);
      await services.store.uploads.update(upload.id, [upload.state], {
        nextCheckAt: services.now() + RETRY_MS,
      });
    }
  }

  function runOnce(): Promise<void> {
    clearTimeout(timer);
    running ??= actAs({ actor: 'job' }, pass)
      .catch((error: unknown) => onError(error, undefined))
      .finally(() => {
        running = undefined;
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
    lookAt(upload) {
      if (stopped) return;
      if (isRekeying(upload)) rekeys.add(upload);
      else looks.add(upload);
    },
    runOnce,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await Promise.all([running, looks.stop(), rekeys.stop()]);
    },
  };
}

/** Beside a pass, only an event has the service look for an object that has not arrived. */
function isHinted({ state }: Upload): boolean {
  return state === 'issued' || state === 'expired';
}
