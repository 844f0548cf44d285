import { createHash } from 'node:crypto';
import { PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import type { Written } from '../port.ts';
import { partsOf, type ContentClients, type ContentLimits, type Part } from './content-clients.ts';
import type { Rewriting } from './copying.ts';
import { multipart } from './multipart.ts';
import { onceSaid } from './object-facts.ts';
import { unproven } from './object-failure.ts';
import { headerParameters, placeParameters, sseParameters, versionParameters } from './parameters.ts';
import { getObject, readWhole } from './reading.ts';

/** Through this process. */
export function streamObject(
  clients: ContentClients,
  limits: ContentLimits,
  work: Rewriting,
): Promise<Written> {
  return work.source.size <= limits.largestPut
    ? streamWhole(clients, work)
    : streamParts(clients, limits, work);
}

async function streamWhole(clients: ContentClients, work: Rewriting): Promise<Written> {
  const { source, keys, headers, signal } = work;
  const bytes = await read(clients, work, undefined, signal);
  const answer = await clients.committing.send(
    new PutObjectCommand({
      ...placeParameters(source),
      ...source.kept,
      ...headerParameters(headers),
      ...sseParameters(keys.to),
      Body: bytes,
      ContentLength: bytes.length,
      ChecksumSHA256: sha256(bytes),
    }),
    { abortSignal: signal },
  );
  if (answer.ETag === undefined) throw unproven('the ETag of the object');
  return { kind: 'written', etag: answer.ETag, versionId: answer.VersionId ?? null };
}

function streamParts(clients: ContentClients, limits: ContentLimits, work: Rewriting): Promise<Written> {
  const { source, keys, headers, signal } = work;
  const parts = partsOf(source.size, limits.streamPart);
  // Used again, for memory that is let go of goes late: it was twice as much.
  const rooms: Buffer[] = [];
  return multipart(clients, {
    source,
    to: keys.to,
    headers,
    signal,
    parts,
    // Parts have grown where there would be too many: one at a time must do.
    atOnce: parts.length === Math.ceil(source.size / limits.streamPart) ? 2 : 1,
    checksum: true,
    async write(part, UploadId, abortSignal) {
      const room = rooms.pop() ?? Buffer.allocUnsafe(lengthOf(parts[0] ?? part));
      const bytes = await read(clients, work, part, abortSignal, room);
      const ChecksumSHA256 = sha256(bytes);
      const answer = await clients.writing.send(
        new UploadPartCommand({
          ...placeParameters(source),
          ...sseParameters(keys.to),
          PartNumber: part.number,
          UploadId,
          Body: bytes,
          ContentLength: bytes.length,
          ChecksumSHA256,
        }),
        { abortSignal },
      );
      // Only now is it certain that nobody sends it any more.
      rooms.push(room);
      // Plain text is not even to lie in parts.
      if (onceSaid(answer.SSECustomerKeyMD5) !== keys.to.md5()) {
        throw unproven('that the part is under the new key');
      }
      return { ETag: answer.ETag, ChecksumSHA256 };
    },
  });
}

/** The whole object, or one part of it. */
async function read(
  clients: ContentClients,
  { source, keys }: Rewriting,
  part: Part | undefined,
  signal: AbortSignal,
  room?: Buffer,
): Promise<Buffer> {
  const input = {
    ...versionParameters(source),
    ...sseParameters(keys.from),
    IfMatch: source.etag,
    ...(part && { Range: `bytes=${part.first}-${part.last}` }),
  };
  const { body } = await getObject(clients.reading, input, signal);
  return readWhole(body, part ? lengthOf(part) : source.size, room);
}

const lengthOf = ({ first, last }: Part): number => last - first + 1;

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('base64');
