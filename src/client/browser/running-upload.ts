import { firstAllowed } from '../asks.ts';
import { hasCode, ServiceProblem } from '../errors.ts';
import { Meter } from '../meter.ts';
import type { Slot, SlotWithRequest } from '../model.ts';
import type { RetryPolicy } from '../retry.ts';
import { runUpload } from '../run-upload.ts';
import { ServiceClient, type Token } from '../service.ts';
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
  readonly token: () => Promise<Token>;
  readonly retry: RetryPolicy;
  readonly storage: Storage | undefined;
  readonly parallelParts: number | undefined;
}

/** Begins an upload. One function, and not a class: a minifier shortens variables, not members. */
export function startUpload(common: Common, file: Blob, options: UploadOptions): Upload {
  const { size } = file;
  // What is no File has neither; it cannot be known again.
  const { name, lastModified } = file as Partial<File>;
  const { filename = name, contentType, metadata, method = 'auto', partSize, signal } = options;
  const facts = {
    ...(filename && { filename }),
    contentType: contentType ?? (file.type || 'application/octet-stream'),
    size,
    ...(metadata && { metadata }),
  };
  const asks = browserAsks(facts, method, partSize);
  /** Ends it all. */
  const stop = new AbortController();
  const stopped = stop.signal;
  /** Ends what is under way, until `resume`. */
  let round: AbortController | undefined;
  let pausing: PromiseWithResolvers<unknown> | undefined;
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
  let bytes = -1;
  let resumedBytes: number | undefined;

  const stateNow = (): UploadState => ending ?? (pausing ? 'paused' : isOffline ? 'offline' : step);
  const tellState = (): void => {
    const state = stateNow();
    if (state === told) return;
    told = state;
    tell(options.onState, state);
  };
  const tellProgress = (now: number, resumed: number): void => {
    // Of an earlier page, not of an earlier round.
    resumedBytes ??= resumed;
    if (now <= bytes) return;
    bytes = now;
    tell(options.onProgress, { bytes, size, resumed: resumedBytes });
  };
  // The last byte is told when S3 is proven to have it.
  const meter = new Meter(size, (now) => tellProgress(Math.min(now.bytes, size - 1), now.resumed));

  const connection = watchConnection((now) => {
    isOffline = now;
    tellState();
  });
  const transport = fetchTransport(connection);
  const service = new ServiceClient({ ...common, transport, renewsToken: true });
  const source = blobSendable(connection, file);

  const create = async (attempt: number, signal: AbortSignal): Promise<SlotWithRequest> => {
    const slot = await firstAllowed(asks, async ({ ask, isHashed }) => {
      if (isHashed) hash ??= await sha256Of(file, signal);
      asked = attempt;
      // A key belongs to what is asked for.
      const key = [hold?.key, attempt, ask.method, isHashed].join('.');
      return service.create({ ...ask, ...(isHashed && hash && { sha256: hash }) }, key, signal);
    });
    id = slot.id;
    return slot;
  };
  const finish = (state: UploadState): void => {
    ending = state;
    tellState();
  };
  const abort = (): void => {
    if (ending === 'uploaded') return;
    stop.abort(new DOMException('The upload was cancelled.', 'AbortError'));
    pausing?.resolve(0);
    finish('cancelled');
  };

  /** Round by round: a pause ends one. */
  const run = async (): Promise<Slot> => {
    for (;;) {
      await pausing?.promise;
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
        hold?.forget?.();
        tellProgress(size, outcome === 'already' ? size : 0);
        finish('uploaded');
        return slot;
      } catch (error) {
        if (stopped.aborted || !ended.aborted) throw error;
      }
    }
  };
  const start = async (): Promise<Slot> => {
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    tellState();
    try {
      const storage = lastModified === undefined ? undefined : common.storage;
      hold = await holdKey(storage, [common.endpoint, lastModified, facts, method, partSize]);
      return await run();
    } catch (error) {
      const cause = stopped.aborted ? error : await connection.explain(error);
      if (cancelling || (!stopped.aborted && isForGood(cause))) hold?.forget?.();
      stopped.throwIfAborted();
      finish('failed');
      throw cause;
    } finally {
      hold?.release?.();
      signal?.removeEventListener('abort', abort);
    }
  };
  // Later: who calls has the upload before anything is told of it.
  const done = Promise.resolve().then(start);

  /** The slot of a call whose answer was not waited for, or of an earlier page: asked for again by the same key, it is told. */
  const findLost = async (): Promise<string | undefined> => {
    if (asked === undefined && !hold?.isResumed) return undefined;
    try {
      const slot = await create(asked ?? 0, new AbortController().signal);
      return slot.request && slot.id;
    } catch (error) {
      if (error instanceof ServiceProblem && !error.passing) return undefined;
      throw error;
    }
  };
  const remove = async (): Promise<void> => {
    if (ending === 'uploaded') return;
    abort();
    await done.catch(() => undefined);
    hold?.forget?.();
    try {
      const lost = id ?? (await findLost());
      if (lost) await service.remove(lost);
    } catch (error) {
      if (!hasCode(error, 'upload_deleted', 'upload_not_found')) throw await connection.explain(error);
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
      pausing ??= Promise.withResolvers();
      round?.abort();
      tellState();
    },
    resume() {
      pausing?.resolve(0);
      pausing = undefined;
      tellState();
    },
    cancel: () => (cancelling ??= remove()),
  };
}

/** What a callback throws is the page's own trouble, as in an event listener; the upload goes on. */
function tell<T>(callback: ((told: T) => void) | undefined, told: T): void {
  try {
    callback?.(told);
  } catch (error) {
    reportError(error);
  }
}

/** Whether choosing the same file again would fail the same way. Rules and rights may be mended, and then it goes on. */
function isForGood(error: unknown): boolean {
  const { passing, code, status } = error as Partial<ServiceProblem>;
  return passing === false && code !== 'unreachable' && status !== 401 && status !== 403;
}
