import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3';
import type { CustomerKey } from '../../custody/customer-key.ts';
import type { ObjectHeaders, Written } from '../port.ts';
import type { ContentClients, Part } from './content-clients.ts';
import { unproven } from './object-failure.ts';
import { headerParameters, placeParameters, sseParameters } from './parameters.ts';
import type { Source } from './source.ts';

export interface MultipartWork {
  readonly source: Source;
  readonly to: CustomerKey;
  readonly headers: ObjectHeaders;
  readonly parts: readonly Part[];
  /** How many parts are under way at once. */
  readonly atOnce: number;
  /** With checksums, every part must bring its own. */
  readonly checksum: boolean;
  readonly signal: AbortSignal;
  /** Writes one part under the key `to`. */
  write(part: Part, uploadId: string, signal: AbortSignal): Promise<WrittenPart>;
}

/** What S3 answers to a part. */
export interface WrittenPart {
  readonly ETag?: string | undefined;
  readonly ChecksumSHA256?: string | undefined;
}

/** Writes an object by parts; nothing is visible before the last step. When it fails, what was written is thrown away. */
export async function multipart(clients: ContentClients, work: MultipartWork): Promise<Written> {
  const place = placeParameters(work.source);
  const uploadId = await begin(clients, work);
  try {
    const parts = await writeAll(work, uploadId);
    const answer = await clients.committing.send(
      new CompleteMultipartUploadCommand({
        ...place,
        ...sseParameters(work.to),
        UploadId: uploadId,
        MultipartUpload: { Parts: parts },
      }),
      { abortSignal: work.signal },
    );
    if (answer.ETag === undefined) throw unproven('that the object is whole');
    return { kind: 'written', etag: answer.ETag, versionId: answer.VersionId ?? null };
  } catch (error) {
    // The first failure is the one to tell; what is left is found by its listing.
    await clients.calls
      .send(new AbortMultipartUploadCommand({ ...place, UploadId: uploadId }))
      .catch(() => undefined);
    throw error;
  }
}

const BEGIN_MS = 10_000;

/** Not stopped midway: an upload whose id is not known could not be thrown away. */
async function begin(clients: ContentClients, work: MultipartWork): Promise<string> {
  const answer = await clients.committing.send(
    new CreateMultipartUploadCommand({
      ...placeParameters(work.source),
      ...work.source.kept,
      ...headerParameters(work.headers),
      ...sseParameters(work.to),
      ...(work.checksum && { ChecksumAlgorithm: 'SHA256' }),
    }),
    { requestTimeout: BEGIN_MS },
  );
  if (answer.UploadId === undefined) throw unproven('the id of the upload');
  return answer.UploadId;
}

/** A few at once. After a failure the others are stopped and waited for: one that ended after the upload was aborted could be left over. */
async function writeAll(work: MultipartWork, uploadId: string): Promise<CompletedPart[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([work.signal, stop.signal]);
  const done: CompletedPart[] = [];
  const left = work.parts.values();
  const worker = async (): Promise<void> => {
    for (const part of left) {
      signal.throwIfAborted();
      done[part.number - 1] = await writePart(work, part, uploadId, signal);
    }
  };
  let failure: { readonly error: unknown } | undefined;
  const workers = Array.from({ length: work.atOnce }, () =>
    worker().catch((error: unknown) => {
      failure ??= { error };
      stop.abort();
    }),
  );
  await Promise.all(workers);
  if (failure !== undefined) throw failure.error;
  return done;
}

async function writePart(
  work: MultipartWork,
  part: Part,
  uploadId: string,
  signal: AbortSignal,
): Promise<CompletedPart> {
  const { ETag, ChecksumSHA256 } = await work.write(part, uploadId, signal);
  if (ETag === undefined) throw unproven('the ETag of the part');
  return { PartNumber: part.number, ETag, ...(ChecksumSHA256 !== undefined && { ChecksumSHA256 }) };
}
