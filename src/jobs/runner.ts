import { actAs } from '../acting.ts';
import { DependencyUnavailable } from '../errors.ts';
import { dueAt, lease } from '../uploads/lease.ts';
import { takeNextStep } from '../uploads/next-step.ts';
import { continueRekey } from '../uploads/rekey.ts';
import { claim, isRekeying } from '../uploads/rekey/lease.ts';
import type { Services } from '../uploads/services.ts';
import type { Upload } from '../uploads/upload.ts';
import { dropEnded } from './drop-ended.ts';
import { createDue, type Due } from './due.ts';
import { createLooks } from './looks.ts';
import { createRekeys } from './rekeys.ts';

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

export interface JobsOptions {
  /** From 0 to 1, for the jitter. */
  readonly random?: () => number;
}

/**
 * Looks at the slots whose `nextCheckAt` has come: at least every `intervalSeconds`, and not in step with other replicas. Each slot is
 * leased before it is looked at, so that of all replicas one does.
 */
export function createJobs(
  current: () => Services,
  onError: (error: unknown, upload: Upload | undefined) => void,
  { random = Math.random }: JobsOptions = {},
): Jobs {
  let running: Promise<void> | undefined;
  let due: Due | undefined;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const looks = createLooks((upload) =>
    actAs({ actor: isHinted(upload) ? 'event' : 'job' }, () => lookFirst(current(), upload)).catch(
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
    await dropEnded(services);
    if (stopped) return;
    const mine = (due = createDue(services));
    const ends = await Promise.allSettled(Array.from({ length: PARALLEL }, () => worker(services, mine)));
    await giveBack(await mine.stop());
    const failure = ends.find((end) => end.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  }

  /** Some S3 servers answer a HEAD only when the PUT under way has ended; a few of those must not hold up the rest. */
  async function worker(services: Services, mine: Due): Promise<void> {
    for (let upload = await mine.next(); upload !== undefined; upload = await mine.next()) {
      // Its lease has ended, so its worker has. It is claimed once more when its turn comes.
      if (isRekeying(upload)) rekeys.add(upload);
      else await look(services, upload);
    }
  }

  /** Or a restart would hold up what was claimed and not begun, for as long as a lease. */
  async function giveBack(claimed: readonly Upload[]): Promise<void> {
    const services = current();
    for (const upload of claimed) {
      await dueAt(services, upload, services.now()).catch((error: unknown) => onError(error, upload));
    }
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

  async function lookFirst(services: Services, upload: Upload): Promise<void> {
    const mine = await lease(services, upload);
    if (mine !== undefined) await look(services, mine);
  }

  /** A slot that fails is tried again later and does not keep the others waiting. */
  async function look(services: Services, upload: Upload): Promise<void> {
    try {
      await takeNextStep(services, upload);
    } catch (error) {
      onError(error, upload);
      await dueAt(services, upload, services.now() + RETRY_MS);
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
    const intervalMs = current().config.jobs.intervalSeconds * 1000;
    timer = setTimeout(() => void runOnce(), intervalMs * (0.5 + random() / 2));
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
      const [waiting] = await Promise.all([rekeys.stop(), due?.stop().then(giveBack), looks.stop(), running]);
      await giveBack(waiting);
    },
  };
}

/** Beside a pass, only an event has the service look for an object that has not arrived. */
function isHinted({ state }: Upload): boolean {
  return state === 'issued' || state === 'expired';
}
