/** `sealslot/uppy`: an uploader plugin for Uppy 6, over the browser client. */
import { BasePlugin, type DefinePluginOpts, type PluginOpts, type Uppy } from '@uppy/core';
import {
  type Body,
  filterFilesToEmitUploadStarted,
  filterFilesToUpload,
  type Meta,
  TaskQueue,
  type UppyFile,
} from '@uppy/core/utils';
import {
  createUploader,
  S3Refusal,
  ServiceProblem,
  type Slot,
  type Upload,
  type Uploader,
  type UploaderOptions,
  type UploadOptions,
} from '../browser/index.ts';
import { metadataOf } from './metadata.ts';
import { LOCALE, type Word, wordFor } from './words.ts';

/** The `body` of `upload-success` and of a file's `response`: the slot, `uploaded`. For `new Uppy<Meta, SealslotBody>()`. */
export type SealslotBody = { [Member in keyof Slot]: Slot[Member] };

/** What {@link Sealslot} takes: where the service is, who asks, and what becomes of a file. */
export type SealslotOptions<M extends Meta, B extends Body> = PluginOpts &
  UploaderOptions & {
    /** Files that are uploaded at once; 3 unless given. The parts of one are `parallelParts`. */
    limit?: number;
    /**
     * Which fields of a file become metadata of its object (ASCII, 2 KB together; others see it with the object): `true`, all that the page
     * has set, unless given; a list, only these; `false`, none.
     */
    allowedMetaFields?: boolean | readonly string[];
    /** `auto` unless given: one PUT for small files, parts for large ones. A function is asked for each file. */
    method?: UploadOptions['method'] | ((file: UppyFile<M, B>) => UploadOptions['method']);
    /** Bytes of every part but the last; as the service chooses unless given. */
    partSize?: number;
  };

const DEFAULTS = { limit: 3, allowedMetaFields: true } satisfies Partial<SealslotOptions<never, never>>;

/**
 * Uploads each file of an Uppy to a slot of its own: `uppy.use(Sealslot, { endpoint, getToken })`.
 *
 * Pausing, resuming, cancelling and trying again are Uppy's own; a file that is taken away in the middle has its slot deleted. A file that is
 * added again after a reload goes on where it was. `upload-success` has the slot as its `body`, and no `uploadURL`: nobody reads the object by a
 * URL alone. `upload-error` has a sentence for people as its `message` (see `locale`) and what the client said in `details`.
 */
export default class Sealslot<M extends Meta, B extends Body> extends BasePlugin<
  DefinePluginOpts<SealslotOptions<M, B>, keyof typeof DEFAULTS>,
  M,
  B
> {
  #uploader: Uploader;
  readonly #queue: TaskQueue;
  /** By the file's id: under way, or failed and perhaps tried again. */
  readonly #uploads = new Map<string, Upload>();

  constructor(uppy: Uppy<M, B>, options: SealslotOptions<M, B>) {
    super(uppy, { ...DEFAULTS, ...options });
    this.type = 'uploader';
    this.id = this.opts.id ?? 'Sealslot';
    this.defaultLocale = LOCALE;
    this.i18nInit();
    this.#uploader = createUploader(this.opts);
    this.#queue = new TaskQueue({ concurrency: this.opts.limit });
  }

  /** Uppy's; what is under way keeps the options it began with. */
  override setOptions(options: Partial<SealslotOptions<M, B>>): void {
    super.setOptions(options);
    this.#uploader = createUploader(this.opts);
    this.#queue.concurrency = this.opts.limit;
  }

  /** Uppy's. */
  override install(): void {
    this.#setResumable(true);
    this.uppy.addUploader(this.#upload);
    this.uppy.on('upload-pause', this.#onPause);
    this.uppy.on('pause-all', this.#onPauseAll);
    this.uppy.on('resume-all', this.#onResumeAll);
    this.uppy.on('file-removed', this.#onRemoved);
    this.uppy.on('cancel-all', this.#onCancelAll);
  }

  /** Uppy's; what is under way is cancelled. */
  override uninstall(): void {
    this.#setResumable(false);
    this.uppy.removeUploader(this.#upload);
    this.uppy.off('upload-pause', this.#onPause);
    this.uppy.off('pause-all', this.#onPauseAll);
    this.uppy.off('resume-all', this.#onResumeAll);
    this.uppy.off('file-removed', this.#onRemoved);
    this.uppy.off('cancel-all', this.#onCancelAll);
    this.#queue.clear();
    for (const id of this.#uploads.keys()) this.#cancel(id);
  }

  readonly #upload = async (ids: string[]): Promise<void> => {
    const files = filterFilesToUpload(this.uppy.getFilesByIds(ids)) as UppyFile<M, B>[];
    this.uppy.emit('upload-start', filterFilesToEmitUploadStarted(files) as UppyFile<M, B>[]);
    // Each failure is told by upload-error; one file's does not end the others.
    await Promise.allSettled(files.map(({ id }) => this.#queue.add(() => this.#send(id))));
  };

  async #send(id: string): Promise<void> {
    const file = this.#fileOf(id);
    // Taken away while it waited.
    if (file === undefined) return;
    if (file.isRemote) this.#fail(file, 'sealslotNoCompanion');
    else if (file.data === undefined) this.#fail(file, 'sealslotChooseAgain');
    else await this.#run(file, file.data);
  }

  async #run(file: UppyFile<M, B>, data: Blob): Promise<void> {
    const { id } = file;
    let upload: Upload | undefined;
    try {
      upload = this.#uploader.upload(data, this.#optionsFor(file));
      this.#uploads.set(id, upload);
      if (file.isPaused === true) upload.pause();
      const slot = await upload.done;
      this.#uploads.delete(id);
      const body = slot as unknown as B;
      this.uppy.emit('upload-success', file, { status: 200, body, bytesUploaded: data.size });
    } catch (error) {
      const isCancelled = this.#fileOf(id) === undefined || upload?.state === 'cancelled';
      if (!isCancelled) this.#fail(file, wordFor(error), error);
    }
  }

  #optionsFor(file: UppyFile<M, B>): UploadOptions {
    const { allowedMetaFields, method, partSize } = this.opts;
    const uploadStarted = file.progress.uploadStarted ?? Date.now();
    const wanted = typeof method === 'function' ? method(file) : method;
    return {
      // People can change it in the Dashboard.
      filename: file.meta.name,
      contentType: file.type,
      metadata: metadataOf(file.meta, allowedMetaFields),
      ...(wanted !== undefined && { method: wanted }),
      ...(partSize !== undefined && { partSize }),
      onProgress: ({ bytes, size }) =>
        this.uppy.emit('upload-progress', file, { uploadStarted, bytesUploaded: bytes, bytesTotal: size }),
    };
  }

  #fail(file: UppyFile<M, B>, word: Word, error?: unknown): void {
    const details = error instanceof Error ? error.message : '';
    const told = { name: 'SealslotError', message: this.i18n(word), ...(details !== '' && { details }) };
    const isAnswer = error instanceof ServiceProblem || error instanceof S3Refusal;
    this.uppy.emit('upload-error', file, told, isAnswer ? { status: error.status } : undefined);
    this.#show(details === '' ? told.message : `${told.message} ${details}`);
  }

  /** Uppy itself shows that a file failed, and hides why behind a question mark. What many files have in common is shown once. */
  #show(message: string): void {
    const { infoTimeout } = this.uppy.opts;
    const isShown = this.uppy.getState().info.some((shown) => shown.message === message);
    if (!isShown) this.uppy.info(message, 'error', infoTimeout * 2);
  }

  readonly #onPause = (file: UppyFile<M, B> | undefined, isPaused: boolean): void => {
    const upload = file && this.#uploads.get(file.id);
    if (isPaused) upload?.pause();
    else upload?.resume();
  };
  readonly #onPauseAll = (): void => this.#uploads.forEach((upload) => upload.pause());
  readonly #onResumeAll = (): void => this.#uploads.forEach((upload) => upload.resume());
  readonly #onRemoved = ({ id }: UppyFile<M, B>): void => this.#cancel(id);
  // The files are removed one by one right after it.
  readonly #onCancelAll = (): void => this.#queue.clear();

  #cancel(id: string): void {
    const upload = this.#uploads.get(id);
    this.#uploads.delete(id);
    upload?.cancel().catch((error: unknown) => this.uppy.log(error, 'warning'));
  }

  /** Uppy's type knows no missing file. */
  #fileOf(id: string): UppyFile<M, B> | undefined {
    return this.uppy.getFile(id);
  }

  #setResumable(resumableUploads: boolean): void {
    const { capabilities } = this.uppy.getState();
    this.uppy.setState({ capabilities: { ...capabilities, resumableUploads } });
  }
}
