import { CopyObjectCommand, UploadPartCopyCommand } from '@aws-sdk/client-s3';
import type { CustomerKey } from '../../custody/customer-key.ts';
import type { ObjectHeaders, Written } from '../port.ts';
import { partsOf, type ContentClients, type ContentLimits } from './content-clients.ts';
import { multipart } from './multipart.ts';
import { unproven } from './object-failure.ts';
import { copySourceParameters, headerParameters, placeParameters, sseParameters } from './parameters.ts';
import type { Source } from './source.ts';

export interface Rewriting {
  readonly source: Source;
  readonly keys: { readonly from: CustomerKey; readonly to: CustomerKey };
  readonly headers: ObjectHeaders;
  readonly signal: AbortSignal;
}

const PARTS_AT_ONCE = 4;

/** By S3 itself. */
export function copyObject(
  clients: ContentClients,
  limits: ContentLimits,
  work: Rewriting,
): Promise<Written> {
  return work.source.size <= limits.largestCopy ? copyWhole(clients, work) : copyParts(clients, limits, work);
}

async function copyWhole(clients: ContentClients, work: Rewriting): Promise<Written> {
  const { source, keys, headers, signal } = work;
  const answer = await clients.committing.send(
    new CopyObjectCommand({
      ...placeParameters(source),
      ...source.kept,
      ...headerParameters(headers),
      MetadataDirective: 'REPLACE',
      TaggingDirective: 'REPLACE',
      ChecksumAlgorithm: 'SHA256',
      ...copySourceParameters(source, keys.from),
      ...sseParameters(keys.to),
    }),
    { abortSignal: signal },
  );
  const etag = answer.CopyObjectResult?.ETag;
  if (etag === undefined) throw unproven('that the copy is done');
  return { kind: 'written', etag, versionId: answer.VersionId ?? null };
}

/** Without checksums: AWS makes its own, and MinIO has none to give for a copied part. */
function copyParts(clients: ContentClients, limits: ContentLimits, work: Rewriting): Promise<Written> {
  const { source, keys, headers, signal } = work;
  return multipart(clients, {
    source,
    to: keys.to,
    headers,
    signal,
    parts: partsOf(source.size, limits.copyPart),
    atOnce: PARTS_AT_ONCE,
    checksum: false,
    async write(part, UploadId, abortSignal) {
      const answer = await clients.writing.send(
        new UploadPartCopyCommand({
          ...placeParameters(source),
          ...copySourceParameters(source, keys.from),
          ...sseParameters(keys.to),
          CopySourceRange: `bytes=${part.first}-${part.last}`,
          PartNumber: part.number,
          UploadId,
        }),
        { abortSignal },
      );
      return { ETag: answer.CopyPartResult?.ETag };
    },
  });
}
