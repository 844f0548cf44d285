import { firstAllowed } from '../asks.ts';
import { hasCode, PartnerError, ServiceProblem, Unreachable } from '../errors.ts';
import { Meter } from '../meter.ts';
import type { Slot, SlotWithRequest } from '../model.ts';
import type { RetryPolicy } from '../retry.ts';
import { runUpload } from '../run-upload.ts';
import { ServiceClient, type Token } from '../service.ts';
import { blobSendable } from './blob-sendable.ts';
import { browserAsks, type BrowserAsk } from './browser-asks.ts';
import { Connection } from './connection.ts';
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

/** An upload from its first moment to its end; it begins by itself. */
export class RunningUpload implements Upload {
  readonly done: Promise<Slot>;
  readonly #common: Common;
  readonly #file: Blob;
  readonly #options: UploadOptions;
  readonly #service: ServiceClient;
  readonly #connection: Connection;
  readonly #asks: BrowserAsk[];
  readonly #meter: Meter;
  /** Ends it all. */
  readonly #stop = new AbortController();
  /** Ends what is under way, until `resume`. */
  #round = new AbortController();
  #pausing: PromiseWithResolvers<unknown> | undefined;
  #hold: Hold | undefined;
  #hash: string | undefined;
  #id: string | undefined;
  /** Whose slot was asked for last. */
  #attempt: number | undefined;
  #step: UploadState = 'preparing';
  #isOffline = false;
  #end: 'uploaded' | 'failed' | 'cancelled' | undefined;
  #told: UploadState | undefined;
  #bytes = -1;
  #resumed: number | undefined;
  #cancelling: Promise<void> | undefined;

  constructor(common: Common, file: Blob, options: UploadOptions) {
    this.#common = common;
    this.#file = file;
    this.#options = options;
    this.#connection = new Connection((isOffline) => {
      this.#isOffline = isOffline;
      this.#tell();
    });
    const transport = fetchTransport(this.#connection);
    this.#service = new ServiceClient({ ...common, transport, renewsToken: true });
    this.#meter = new Meter(file.size, ({ bytes, resumed }) => {
      // The last byte is told when S3 is proven to have it.
      this.#progress(Math.min(bytes, file.size - 1), resumed);
    });
    // What is no File has neither; it cannot be known again.
    const { name, lastModified } = file as Partial<File>;
    const { filename = name, metadata, method = 'auto', partSize, signal } = options;
    const facts = {
      ...(filename !== undefined && filename !== '' && { filename }),
      contentType: options.contentType ?? (file.type || 'application/octet-stream'),
      size: file.size,
      ...(metadata && { metadata }),
    };
    this.#asks = browserAsks(facts, method, partSize);
    const storage = lastModified === undefined ? undefined : common.storage;
    const identity = [common.endpoint.href, lastModified, facts, method, partSize];
    const onAbort = (): void => this.#abort();
    // Later: who calls has the upload before anything is told of it.
    this.done = Promise.resolve().then(async () => {
      signal?.addEventListener('abort', onAbort);
      if (signal?.aborted === true) onAbort();
      this.#tell();
      try {
        this.#hold = await holdKey(storage, identity);
        return await this.#run();
      } catch (error) {
        throw await this.#failed(error);
      } finally {
        this.#hold?.release();
        signal?.removeEventListener('abort', onAbort);
      }
    });
    // Who goes by `onState` need not look here.
    this.done.catch(() => undefined);
  }

  get id(): string | undefined {
    return this.#id;
  }

  get state(): UploadState {
    if (this.#end !== undefined) return this.#end;
    if (this.#pausing !== undefined) return 'paused';
    return this.#isOffline ? 'offline' : this.#step;
  }

  pause(): void {
    if (this.#end !== undefined || this.#pausing !== undefined) return;
    this.#pausing = Promise.withResolvers();
    this.#round.abort();
    this.#tell();
  }

  resume(): void {
    this.#pausing?.resolve(undefined);
    this.#pausing = undefined;
    this.#tell();
  }

  cancel(): Promise<void> {
    return (this.#cancelling ??= this.#cancel());
  }

  async #run(): Promise<Slot> {
    const stopped = this.#stop.signal;
    // A pause ends a round.
    for (;;) {
      await this.#pausing?.promise;
      stopped.throwIfAborted();
      this.#round = new AbortController();
      const signal = AbortSignal.any([stopped, this.#round.signal]);
      try {
        const source = blobSendable(this.#connection, this.#file);
        const { outcome, slot } = await runUpload(this.#service, source, {
          create: (attempt) => this.#create(attempt, signal),
          ...{ meter: this.#meter, parallelParts: this.#common.parallelParts, signal },
          onStep: (step) => {
            this.#step = step;
            this.#tell();
          },
        });
        stopped.throwIfAborted();
        this.#hold?.forget();
        this.#progress(this.#file.size, outcome === 'already' ? this.#file.size : 0);
        this.#finish('uploaded');
        return slot;
      } catch (error) {
        if (stopped.aborted || !this.#round.signal.aborted) throw error;
      }
    }
  }

  async #create(attempt: number, signal: AbortSignal): Promise<SlotWithRequest> {
    const slot = await firstAllowed(this.#asks, async ({ name, ask, isHashed }) => {
      if (isHashed) this.#hash ??= await sha256Of(this.#file, signal);
      const asked = isHashed && this.#hash !== undefined ? { ...ask, sha256: this.#hash } : ask;
      this.#attempt = attempt;
      return this.#service.create(asked, `${this.#hold?.key ?? ''}.${attempt}.${name}`, signal);
    });
    this.#id = slot.id;
    return slot;
  }

  async #cancel(): Promise<void> {
    if (this.#end === 'uploaded') return;
    this.#abort();
    await this.done.catch(() => undefined);
    this.#hold?.forget();
    try {
      const id = this.#id ?? (await this.#lost());
      if (id !== undefined) await this.#service.remove(id);
    } catch (error) {
      if (!hasCode(error, 'upload_deleted', 'upload_not_found')) throw await this.#connection.explain(error);
    }
  }

  /** The slot of a call whose answer was not waited for, or of an earlier page: asked for again by the same key, it is told. */
  async #lost(): Promise<string | undefined> {
    if (this.#attempt === undefined && this.#hold?.isResumed !== true) return undefined;
    try {
      const slot = await this.#create(this.#attempt ?? 0, new AbortController().signal);
      return slot.request && slot.id;
    } catch (error) {
      if (error instanceof ServiceProblem && !error.passing) return undefined;
      throw error;
    }
  }

  #abort(): void {
    if (this.#end === 'uploaded') return;
    this.#finish('cancelled');
    this.#stop.abort(new DOMException('The upload was cancelled.', 'AbortError'));
    this.#pausing?.resolve(undefined);
  }

  /** @returns what `done` rejects with. */
  async #failed(error: unknown): Promise<unknown> {
    const stopped = this.#stop.signal;
    const told = stopped.aborted ? error : await this.#connection.explain(error);
    const isCancelled = this.#cancelling !== undefined;
    if (isCancelled || (!stopped.aborted && isForGood(told))) this.#hold?.forget();
    if (stopped.aborted) return stopped.reason;
    this.#finish('failed');
    return told;
  }

  #finish(state: 'uploaded' | 'failed' | 'cancelled'): void {
    this.#end = state;
    this.#tell();
  }

  #tell(): void {
    const { state } = this;
    if (state === this.#told) return;
    this.#told = state;
    tell(this.#options.onState, state);
  }

  #progress(bytes: number, resumed: number): void {
    // Of an earlier page, not of an earlier round.
    this.#resumed ??= resumed;
    if (bytes <= this.#bytes) return;
    this.#bytes = bytes;
    tell(this.#options.onProgress, { bytes, size: this.#file.size, resumed: this.#resumed });
  }
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
  if (!(error instanceof PartnerError) || error.passing || error instanceof Unreachable) return false;
  return !(error instanceof ServiceProblem && (error.status === 401 || error.status === 403));
}
