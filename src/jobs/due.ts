import type { Services } from '../uploads/services.ts';
import type { Upload } from '../uploads/upload.ts';
import { LEASE_MS } from '../uploads/lease.ts';

/** Of one claim: what waits for a worker waits for no more than one step. */
const BATCH = 16;

/** The slots of one pass. Claimed a few at a time as workers ask for them, so that other replicas have their share. */
export interface Due {
  /** @returns undefined when nothing is due any more, or after `stop`. */
  next(): Promise<Upload | undefined>;
  /** Ends the pass. @returns what was claimed and not given out. */
  stop(): Promise<readonly Upload[]>;
}

export function createDue({ store, now }: Services): Due {
  const waiting: Upload[] = [];
  let claiming: Promise<void> | undefined;
  /** Nothing more is due. */
  let ended = false;
  let stopped = false;

  async function claim(): Promise<void> {
    const at = now();
    const claimed = await store.uploads.claimDue(at, at + LEASE_MS, BATCH);
    waiting.push(...claimed);
    ended ||= claimed.length < BATCH;
  }

  /** One whose lease would end under the step is left to whoever comes next. */
  function take(): Upload | undefined {
    for (let upload = waiting.shift(); upload !== undefined; upload = waiting.shift()) {
      if (upload.nextCheckAt !== null && now() < upload.nextCheckAt - LEASE_MS / 2) return upload;
    }
    return undefined;
  }

  return {
    async next() {
      while (!stopped) {
        const upload = take();
        if (upload !== undefined || ended) return upload;
        claiming ??= claim().finally(() => (claiming = undefined));
        await claiming;
      }
      return undefined;
    },
    async stop() {
      stopped = true;
      // What fails in it is told by the worker that asked.
      await claiming?.catch(() => undefined);
      return waiting.splice(0);
    },
  };
}
