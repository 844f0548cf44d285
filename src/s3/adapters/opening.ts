import {
  GetObjectCommand,
  HeadObjectCommand,
  type GetObjectCommandOutput,
  type HeadObjectCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { CustomerKey } from '../../custody/customer-key.ts';
import { ObjectRefused } from '../errors.ts';
import type { ObjectContent, OpenedObject } from '../port.ts';
import { goingOn, type Reopen } from './going-on.ts';
import { objectFailure, unproven } from './object-failure.ts';
import { sseParameters, versionParameters } from './parameters.ts';
import { bodyOf } from './reading.ts';

type Asked = Parameters<ObjectContent['open']>;

/** GET or HEAD with the conditions of whoever asks: what they mean is for S3 to say. Only that the object is still this one is added. */
export async function openObject(
  client: S3Client,
  object: Asked[0],
  key: CustomerKey,
  { method, range, ifNoneMatch }: Asked[2],
  signal: AbortSignal,
): Promise<OpenedObject> {
  const input = {
    ...versionParameters(object),
    ...sseParameters(key),
    ...(object.etag !== null && { IfMatch: object.etag }),
    ...(isPassable(range) && { Range: range }),
    ...(isPassable(ifNoneMatch) && { IfNoneMatch: ifNoneMatch }),
  };
  const options = { abortSignal: signal };
  try {
    if (method === 'HEAD') {
      const answer = await client.send(new HeadObjectCommand(input), options);
      if (answer.ContentLength === undefined) throw unproven('how many bytes it has');
      return { ...headOf(answer, object.etag), size: answer.ContentLength, body: undefined };
    }
    const answer = await client.send(new GetObjectCommand(input), options);
    const { size, body, close } = bodyOf(answer, signal);
    try {
      const head = headOf(answer, object.etag);
      const first = firstOf(head.contentRange);
      const reopen: Reopen = async (from) => {
        const Range = `bytes=${first + from}-${first + size - 1}`;
        const rest = await client.send(new GetObjectCommand({ ...input, Range }), options);
        const read = bodyOf(rest, signal);
        const isRest = headOf(rest, head.etag).contentRange?.startsWith(`bytes ${first + from}-`) === true;
        if (isRest && read.size === size - from) return read.body;
        read.close();
        throw unproven('that it goes on where it ended');
      };
      return { ...head, size, body: head.etag === null ? body : goingOn(body, reopen) };
    } catch (error) {
      close();
      throw error;
    }
  } catch (error) {
    const opened = withoutBody(error, object.etag);
    if (opened !== undefined && !signal.aborted) return opened;
    throw objectFailure(error, signal);
  }
}

/**
 * Left out, the whole object is the answer, as it is to any range that S3 does not understand and any ETag that it does not know. Other
 * bytes than ASCII would be signed as S3 does not read them, and a long header be refused: neither says anything of the object.
 */
function isPassable(header: string | undefined): header is string {
  return header !== undefined && /^[\x20-\x7e]{1,2048}$/.test(header);
}

/** Of `bytes 5-7/8` the 5; without a range the body begins with the object. */
function firstOf(contentRange: string | null): number {
  return Number(/^bytes (\d+)-/.exec(contentRange ?? '')?.[1] ?? 0);
}

function headOf(answer: GetObjectCommandOutput | HeadObjectCommandOutput, pinned: string | null) {
  const { ETag: etag = null, ContentRange: contentRange = null, LastModified, $metadata } = answer;
  const status = $metadata.httpStatusCode;
  if (status !== 200 && status !== 206) throw unproven('200 or 206');
  if (status === 206 && contentRange === null) throw unproven('which bytes these are');
  provePinned(etag, pinned);
  return { status, contentRange, etag, modifiedAt: LastModified?.getTime() ?? null } as const;
}

/** MinIO looks at If-None-Match first, and says 304 of another object as well. */
function provePinned(etag: string | null, pinned: string | null): void {
  const bare = (quoted: string) => quoted.replaceAll('"', '');
  if (etag !== null && pinned !== null && bare(etag) !== bare(pinned)) {
    throw new ObjectRefused(412, 'PreconditionFailed');
  }
}

/** What the SDK throws for 304 and 416. */
function withoutBody(error: unknown, pinned: string | null): OpenedObject | undefined {
  if (!(error instanceof Error)) return undefined;
  const { $response } = error as { $response?: { statusCode?: number; headers?: Record<string, string> } };
  const { statusCode: status, headers = {} } = $response ?? {};
  if (status === 416) return { status, contentRange: headers['content-range'] ?? null };
  if (status !== 304) return undefined;
  const etag = headers['etag'] ?? null;
  provePinned(etag, pinned);
  return { status, etag };
}
