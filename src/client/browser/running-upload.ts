import { firstAllowed, type AskFacts } from '../asks.ts';
import type { ServiceProblem } from '../errors.ts';
import { Meter } from '../meter.ts';
import type { Slot, SlotWithRequest, UploadAsk } from '../model.ts';
import { until, type RetryPolicy } from '../retry.ts';
import { runUpload } from '../run-upload.ts';
import { ServiceClient } from '../service.ts';
import { blobSendable } from './blob-sendable.ts';
import { browserAsks } from './browser-asks.ts';
import { watchConnection } from './connection.ts';
import { fetchTransport } from './fetch-transport.ts';
import { sha256Of } from './file-hash.ts';
import type { Upload, UploadOptions, UploadState } from './options.ts';
import { holdKey, type Hold } from './remembered.ts';

/** What all uploads of an uploader have in common. */
export interface Common {
  readonly endpoint: URL;
  readonly authorize: () => Promise<string>;
  readonly retry: RetryPolicy;
  readonly storage?: Storage | null;
  readonly parallelParts?: number;
}

/** Begins an upload. One function, and not a class: a minifier shortens variables, not members. */
export function startUpload(common: Common, file: Blob, options: UploadOptions): Upload {
  const { size } = file;
  // What is no File has neither; it cannot be known again.
  const { name, lastModified } = file as Partial<File>;
  const { filename = name, contentType, metadata, method = 'auto', partSize, signal } = options;
  // JSON leaves out what is undefined.
  const facts = {
    filename: filename || undefined,
    contentType: contentType || file.type || 'application/octet-stream',
    ...{ size, metadata },
  } as AskFacts;
  const asks = browserAsks(facts, method, partSize);
  /** Ends it all. */
  const stop = new AbortController();
  const stopped = AbortSignal.any([stop.signal, signal ?? stop.signal]);
  /** Ends what is under way, until `resume`. */
  let round: AbortController | undefined;
  let isPaused = false;
  let wake: (() => void) | undefined;
  let hold: Hold | undefined;
  let hash: string | undefined;
  let id: string | undefined;
  /** Whose slot was asked for last. */
  let asked: number | undefined;
  let step: UploadState = 'preparing';
  let isOffline = false;
  let ending: UploadState | undefined;
  let told: UploadState | undefined;
  let cancelling: Promise<void> | undefined;
  let resumedBytes: number | undefined;
  /** Otherwise it is remembered, and whoever chooses the file again goes on with it. */
  let isOver: unknown = true;

  const stateNow = (): UploadState =>
    ending ?? (stopped.aborted ? 'cancelled' : isPaused ? 'paused' : isOffline ? 'offline' : step);
  const tellState = (): void => {
    const state = stateNow();
    if (state === told) return;
    told = state;
    tell(options.onState, state);
  };
  const tellProgress = (bytes: number, resumed: number): void => {
    // Of an earlier page, not of an earlier round.
    resumedBytes ??= resumed;
    tell(options.onProgress, { bytes, size, resumed: resumedBytes });
  };
  // The last byte is told when S3 is proven to have it.
  const most = Math.max(0, size - 1);
  const meter = new Meter(size, ({ bytes, resumed }) => tellProgress(Math.min(bytes, most), resumed));

  const connection = watchConnection((now) => {
    isOffline = now;
    tellState();
  });
  const transport = fetchTransport(connection);
  const service = new ServiceClient({ ...common, transport, renewsToken: true });
  const source = blobSendable(connection, file);

  const create = async (attempt: number, signal?: AbortSignal): Promise<SlotWithRequest> => {
    const slot = await firstAllowed(asks, async ({ ask, isHashed }) => {
      if (isHashed) hash ??= await sha256Of(file, signal);
      asked = attempt;
      // A key belongs to what is asked for.
      const key = [hold?.key, attempt, ask.method, isHashed].join();
      return service.create({ ...ask, sha256: isHashed ? hash : undefined } as UploadAsk, key, signal);
    });
    id = slot.id;
    return slot;
  };
  const finish = (state: UploadState): void => {
    ending = state;
    tellState();
  };
  /** Round by round: a pause ends one. */
  const run = async (): Promise<Slot> => {
    for (;;) {
      while (isPaused) {
        await until(stopped, (end) => {
          wake = end;
          return undefined;
        });
      }
      stopped.throwIfAborted();
      round = new AbortController();
      const ended = round.signal;
      const signal = AbortSignal.any([stopped, ended]);
      try {
        const { outcome, slot } = await runUpload(service, source, {
          create: (attempt) => create(attempt, signal),
          ...{ meter, parallelParts: common.parallelParts, signal },
          onStep(now) {
            step = now;
            tellState();
          },
        });
        stopped.throwIfAborted();
        tellProgress(size, outcome === 'already' ? size : 0);
        finish('uploaded');
        return slot;
      } catch (error) {
        if (stopped.aborted || !ended.aborted) throw error;
      }
    }
  };
  const take = (): Promise<Hold> =>
    holdKey(lastModified ? common.storage : null, file, [
      common.endpoint,
      lastModified,
      facts,
      method,
      partSize,
    ]);
  const start = async (): Promise<Slot> => {
    try {
      tellState();
      hold = await take();
      // By an earlier page: its slot may be there.
      if (hold.isResumed) asked = 0;
      return await run();
    } catch (error) {
      // Rights come back with another token.
      const { passing, status } = error as Partial<ServiceProblem>;
      isOver = cancelling || (passing === false && status !== 401);
      finish(stopped.aborted ? 'cancelled' : 'failed');
      stopped.throwIfAborted();
      throw error;
    } finally {
      hold?.release?.(isOver);
    }
  };
  const done = start();

  const remove = async (): Promise<void> => {
    if (ending === 'uploaded') return;
    stop.abort();
    tellState();
    await done.catch(() => undefined);
    if (!isOver && hold?.release) {
      const again = await take();
      again.release?.(true);
      // Somebody else goes on with it, or has brought it to its end: it is not ours any more.
      if (again.key !== hold.key) return;
    }
    try {
      // The answer may not have been waited for, or given to an earlier page: asked for again by the same key, it is told.
      if (!id && asked !== undefined) await create(asked);
      if (id) await service.remove(id);
    } catch (error) {
      // Refused: then there is none. Of what is gone nothing is left to remove.
      const { status } = error as Partial<ServiceProblem>;
      if (status !== 404 && status !== 422) throw error;
    }
  };

  // Who goes by `onState` need not look there.
  done.catch(() => undefined);
  return {
    done,
    get id() {
      return id;
    },
    get state() {
      return stateNow();
    },
    pause() {
      if (ending) return;
      isPaused = true;
      round?.abort();
      tellState();
    },
    resume() {
      isPaused = false;
      wake?.();
      tellState();
    },
    cancel: () => (cancelling ??= remove()),
  };
}

/** On its own: what a callback throws is the page's trouble, as in an event listener; the upload goes on. */
function tell<T>(callback: ((told: T) => void) | undefined, told: T): void {
  queueMicrotask(() => callback?.(told));
}
