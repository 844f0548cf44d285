import { signLink, type Link } from '../access/link.ts';
import {
  DependencyUnavailable,
  InvalidRequest,
  LinkInvalid,
  NotConfigured,
  ObjectMissing,
  StateConflict,
} from '../errors.ts';
import { ObjectRefused } from '../s3/errors.ts';
import type { OpenedObject } from '../s3/port.ts';
import { customerKeyOf } from './customer-key-of.ts';
import { targetOf, type Services } from './services.ts';
import { stateAt, type Upload } from './upload.ts';

export interface ContentAsk {
  readonly method: 'GET' | 'HEAD';
  /** As it came, RFC 9110. */
  readonly range?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

/** Exactly the verified version, as S3 answers for it. `signal` must be aborted when the answer has ended; the body stops then. */
export async function openContent(
  services: Services,
  upload: Upload,
  ask: ContentAsk,
  signal: AbortSignal,
): Promise<OpenedObject> {
  requireDownloadable(services, upload);
  services.streams.begin(upload.id, services.config.overload.streams, signal);
  const { bucket, objectKey, versionId, etag } = upload;
  const { content } = targetOf(services, upload.target);
  const key = await customerKeyOf(services, upload);
  try {
    const opened = await services.observer.timed('s3', () =>
      content.open({ bucket, objectKey, versionId, etag }, key, ask, signal),
    );
    services.observer.slot('read', upload);
    return opened;
  } catch (error) {
    if (!(error instanceof ObjectRefused)) throw error;
    if (error.status === 404 || error.status === 412) {
      throw new ObjectMissing('The object is gone from S3, or is another one now.', { cause: error });
    }
    throw new DependencyUnavailable('s3', error);
  }
}

/** @throws StateConflict unless the object is there and verified. */
export function requireDownloadable(services: Services, upload: Upload): void {
  const state = stateAt(upload, services.now());
  if (state === 'uploaded') return;
  throw new StateConflict(`The upload is ${state}; only an uploaded one can be downloaded.`, {
    extra: { state },
  });
}

export interface LinkAsk {
  readonly disposition?: 'attachment' | 'inline';
  readonly expiresInSeconds?: number;
}

/** A path that opens this slot's content to whoever has it, until it ends. */
export async function linkTo(
  services: Services,
  upload: Upload,
  ask: LinkAsk,
): Promise<{ text: string; expiresAt: number }> {
  requireDownloadable(services, upload);
  const { linkSecrets, linkSeconds } = services.config.content;
  const [secret] = linkSecrets;
  if (secret === undefined) {
    throw new NotConfigured('There are no links here: the operator has not set content.linkSecretFiles.');
  }
  const seconds = ask.expiresInSeconds ?? linkSeconds.default;
  if (seconds > linkSeconds.max) {
    throw new InvalidRequest([{ path: '/expiresInSeconds', message: `must be at most ${linkSeconds.max}` }]);
  }
  const expiresAt = Math.floor(services.now() / 1000 + seconds) * 1000;
  const { tenant, id: uploadId, generation } = upload;
  const disposition = ask.disposition ?? 'attachment';
  const text = await signLink(secret, { tenant, uploadId, generation, disposition, expiresAt });
  services.observer.slot('linked', upload);
  return { text, expiresAt };
}

/** @throws LinkInvalid when it leads to nothing any more; why is nobody's business who has only the link. */
export async function followLink(services: Services, link: Link): Promise<Upload> {
  const known = Object.hasOwn(services.config.tenants, link.tenant);
  const upload = known ? await services.store.uploads.get(link.tenant, link.uploadId) : undefined;
  if (upload?.state !== 'uploaded' || upload.generation !== link.generation) {
    throw new LinkInvalid('The link leads to nothing any more.');
  }
  return upload;
}
