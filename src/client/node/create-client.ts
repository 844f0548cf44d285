import { basename } from 'node:path';
import { BearerToken } from './bearer-token.ts';
import { downloadChecked, type Checked } from './checked-download.ts';
import { contentTypeOf } from './content-type.ts';
import { parseEndpoint } from './endpoint.ts';
import { FileUnusable } from '../errors.ts';
import { openFileSink, type Sink } from './file-sink.ts';
import { openLocalFile, type LocalFile } from './local-file.ts';
import type { UploadProgress } from '../meter.ts';
import type { Slot } from '../model.ts';
import {
  requireClientOptions,
  requireDownloadOptions,
  requireId,
  requireSignalAlone,
  requireSource,
  requireUploadOptions,
} from './options.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../retry.ts';
import { PartnerService } from './partner-service.ts';
import { blobSource, bytesSource, type Source } from './source.ts';
import { Transport } from './transport.ts';
import type { UploadMethod } from '../asks.ts';
import { uploadSource, type Uploaded } from './upload.ts';

/** Where the service is, and what proves who calls. */
export interface ClientOptions {
  /** The service's URL, perhaps with a path before its `/v1`: https, or http on this machine. */
  readonly endpoint: string | URL;
  /**
   * An API key, JWT or grant, without `Bearer`. A function is asked before every call of the service: it keeps a JWT until shortly before
   * its end. What it throws ends the call.
   */
  readonly token: string | (() => string | Promise<string>);
  /** Certificates in PEM to trust beside the usual ones, for a service or an S3 with a private CA. */
  readonly ca?: string;
  /** How often and how patiently a failure that may pass is tried again; by default 6 tries within about 15 seconds. */
  readonly retry?: Partial<RetryPolicy>;
}

/** What is uploaded, how, and what is told of it. */
export interface UploadOptions {
  /** Comes back at the download: at most 1,024 bytes of UTF-8, no NUL. By default the last segment of a path, or the name of a `File`. */
  readonly filename?: string;
  /** A media type. By default the `type` of a Blob, else by the filename, else `application/octet-stream`. */
  readonly contentType?: string;
  /** Kept with the object in S3: names of a-z, 0-9, `-` and `.`; values of visible ASCII; 2,048 bytes in all. */
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * `PUT`: one request, at most 5 GiB, checked by S3. `multipart`: parts, which can be resumed. `auto`, the default: `PUT` below 256 MiB
   * and parts from there on, and the other one where the tenant's policy does not allow this one.
   */
  readonly method?: UploadMethod;
  /** Bytes of each part but the last, from 5 MiB to 5 GiB; the service chooses unless given. */
  readonly partSize?: number;
  /** How many parts are sent at once; by default 4. */
  readonly parallelParts?: number;
  /** base64 of the SHA-256 of all bytes, where it is known already: saves reading the source twice. */
  readonly sha256?: string;
  /**
   * Any text. The same one with the same content and options finds the upload of an earlier call within 24 hours, finished or not, and goes
   * on with it. A path needs none: it has its own. Without one, a Blob or bytes are a new upload at each call.
   */
  readonly idempotencyKey?: string;
  /** Called as it goes forward, often. What it throws ends the upload. */
  readonly onProgress?: (progress: UploadProgress) => void;
  /** Ends the upload with an `AbortError`. What is in S3 stays, and the same call goes on from there. */
  readonly signal?: AbortSignal;
}

/** Where a download goes, and what is told of it. */
export interface DownloadOptions {
  /** The path of a new file, which appears when it is whole and right, readable by its owner alone; or what takes the bytes, in order. */
  readonly to: string | ((chunk: Uint8Array) => Promise<void> | void);
  /** Whether to replace a file that is there. */
  readonly overwrite?: boolean;
  /** @param received bytes so far. @param size bytes in all. */
  readonly onProgress?: (received: number, size: number) => void;
  /** Ends the download with an `AbortError`. */
  readonly signal?: AbortSignal;
}

/** What came of a download. */
export interface DownloadResult {
  /** Bytes. */
  readonly size: number;
  /** base64, of what was written. */
  readonly sha256: string;
  /** What the bytes were compared with: `nothing` when the token lacks `uploads:read`. */
  readonly checked: Checked;
  /** As the uploader named it, not yet safe as a path; see `safeFilename`. */
  readonly filename: string | undefined;
}

/**
 * A sealslot service, for a Node program. Every method rejects with `ServiceProblem` when the service refuses, with `S3Refusal` when S3
 * does, with `Unreachable` when one of them does not answer, each after trying again where that may help; and with an `AbortError`.
 */
export interface Client extends Disposable {
  /**
   * Uploads a file, in constant memory, and resolves when the service has proven that it is in S3.
   * @param source the path of a regular file, or bytes. They must not change meanwhile.
   * @throws FileUnusable, FileChanged
   */
  upload(source: string | Blob | Uint8Array, options?: UploadOptions): Promise<Uploaded>;
  /**
   * Downloads an object, in constant memory, going on after a cut where it stood.
   * @param id of the upload.
   * @throws ContentDiffers when size or SHA-256 are not those announced at the upload; FileUnusable
   */
  download(id: string, options: DownloadOptions): Promise<DownloadResult>;
  /** One upload as the service sees it. */
  get(id: string, options?: { readonly signal?: AbortSignal }): Promise<Slot>;
  /** Removes the object, and then destroys its key; or gives up an upload that is under way. `deleting` until both are proven. */
  remove(id: string, options?: { readonly signal?: AbortSignal }): Promise<Slot>;
  /** Closes kept-alive connections; those that nobody uses do not keep the process alive. */
  close(): void;
}

/**
 * A client of one service with one token. Keeps connections alive: make it once.
 * @throws TypeError when an option is not usable or not known; so do all methods reject.
 */
export function createClient(options: ClientOptions): Client {
  requireClientOptions(options);
  const { endpoint, token, ca, retry } = options;
  const service = new PartnerService({
    endpoint: usableEndpoint(endpoint),
    authorize: typeof token === 'string' ? fixed(token) : async () => given(await token()).header(),
    transport: new Transport(ca),
    retry: { ...DEFAULT_RETRY, ...retry },
  });
  const close = (): void => service.transport.close();
  return {
    async upload(source, options = {}) {
      requireSource(source);
      requireUploadOptions(options);
      const name = options.filename ?? nameOf(source);
      const type = options.contentType ?? typeOf(source, name);
      const all = { ...options, filename: name, contentType: type };
      if (typeof source !== 'string') return uploadSource(service, inMemory(source), all);
      await using file = await openNamed(source);
      return await uploadSource(service, file, all);
    },
    async download(id, options) {
      requireId(id);
      requireDownloadOptions(options);
      return downloadTo(service, id, options);
    },
    async get(id, options = {}) {
      requireId(id);
      requireSignalAlone('get', options);
      return service.get(id, options.signal);
    },
    async remove(id, options = {}) {
      requireId(id);
      requireSignalAlone('remove', options);
      return service.remove(id, options.signal);
    },
    close,
    [Symbol.dispose]: close,
  };
}

function usableEndpoint(endpoint: string | URL): URL {
  try {
    return parseEndpoint(endpoint);
  } catch (error) {
    throw new TypeError(`endpoint ${(error as Error).message}`, { cause: error });
  }
}

function fixed(text: string): () => string {
  const token = new BearerToken(text);
  return () => token.header();
}

/** What the caller's function gave; without types it may be nothing. */
function given(token: unknown): BearerToken {
  if (typeof token === 'string' && token !== '') return new BearerToken(token);
  throw new TypeError('the function `token` gave no text');
}

/** @throws FileUnusable with the path, which a command has beside it and a program has not. */
async function openNamed(path: string): Promise<LocalFile> {
  try {
    return await openLocalFile(path);
  } catch (error) {
    if (!(error instanceof FileUnusable)) throw error;
    throw new FileUnusable(`${path}: ${error.message}`, { cause: error.cause });
  }
}

function nameOf(source: string | Blob | Uint8Array): string | undefined {
  if (typeof source === 'string') return basename(source);
  return 'name' in source && typeof source.name === 'string' && source.name !== '' ? source.name : undefined;
}

function typeOf(source: string | Blob | Uint8Array, name: string | undefined): string {
  return source instanceof Blob && source.type !== '' ? source.type : contentTypeOf(name ?? '');
}

function inMemory(source: Blob | Uint8Array): Source {
  return source instanceof Blob ? blobSource(source) : bytesSource(source);
}

async function downloadTo(
  service: PartnerService,
  id: string,
  { to, overwrite = false, onProgress, signal }: DownloadOptions,
): Promise<DownloadResult> {
  let sink: Sink | undefined;
  let filename: string | undefined;
  let size = 0;
  let received = 0;
  try {
    const done = await downloadChecked(service, id, {
      signal,
      async onBegin(facts) {
        ({ filename, size } = facts);
        if (typeof to === 'string') sink = await openFileSink(to, overwrite, '`overwrite` replaces it.');
      },
      async write(chunk) {
        await (typeof to === 'string' ? sink?.write(chunk) : to(chunk));
        received += chunk.length;
        onProgress?.(received, size);
      },
    });
    await sink?.keep();
    return { ...done, filename };
  } catch (error) {
    await sink?.drop();
    throw error;
  }
}
