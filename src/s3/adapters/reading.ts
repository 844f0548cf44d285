import { Readable } from 'node:stream';
import {
  GetObjectCommand,
  type GetObjectCommandInput,
  type GetObjectCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { DependencyUnavailable } from '../../errors.ts';
import { ObjectRefused } from '../errors.ts';
import { objectFailure, unproven } from './object-failure.ts';
import { sdkFailure } from './sdk-error.ts';

const LONGEST_SILENCE_MS = 30_000;

/**
 * GET. Leaving the body early closes its connection, and so does `signal`.
 * @param input may name a range.
 * @param largest in bytes; a larger body is refused, and not read.
 */
export async function getObject(
  client: S3Client,
  input: GetObjectCommandInput,
  signal: AbortSignal,
  largest = Number.MAX_SAFE_INTEGER,
): Promise<{ readonly size: number; readonly body: AsyncIterable<Uint8Array> }> {
  try {
    const answer = await client.send(new GetObjectCommand(input), { abortSignal: signal });
    const { size, body, close } = bodyOf(answer, signal);
    if (size > largest) {
      close();
      throw new ObjectRefused(200, `more than ${largest} bytes`);
    }
    return { size, body };
  } catch (error) {
    throw objectFailure(error, signal);
  }
}

/** @returns the body, to be read or closed. Throws, and closes it, when S3 does not say how long it is. */
export function bodyOf(
  { Body, ContentLength: size }: GetObjectCommandOutput,
  signal: AbortSignal,
): { readonly size: number; readonly body: AsyncIterable<Uint8Array>; readonly close: () => void } {
  if (!(Body instanceof Readable)) throw unproven('anything after the head of its answer');
  if (size === undefined) {
    Body.destroy();
    throw unproven('how many bytes will come');
  }
  return { size, body: watched(Body, size, signal), close: () => void Body.destroy() };
}

/** Leaving it closes the connection at once: a generator that was not begun, or waits for S3, would come to its end late or never. */
function watched(body: Readable, size: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const chunks = chunksOf(body, size, signal);
  const iterator = {
    next: () => chunks.next(),
    return() {
      body.destroy();
      return chunks.return(undefined);
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

/** Reads as told by the consumer, who may take any time. S3 may not. */
async function* chunksOf(
  body: Readable,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, undefined> {
  const wait = () => setTimeout(() => body.destroy(new Error('the body has stalled')), LONGEST_SILENCE_MS);
  let length = 0;
  let waiting = wait();
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      clearTimeout(waiting);
      length += chunk.length;
      yield chunk;
      waiting = wait();
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : new DependencyUnavailable('s3', sdkFailure(error));
  } finally {
    clearTimeout(waiting);
  }
  signal.throwIfAborted();
  if (length !== size) throw unproven(`all: ${length} bytes of ${size} came`);
}

/**
 * @param room for at least `size` bytes; its own unless given.
 * @throws when there are not exactly `size` bytes.
 */
export async function readWhole(
  body: AsyncIterable<Uint8Array>,
  size: number,
  room: Buffer = Buffer.allocUnsafe(size),
): Promise<Buffer> {
  let length = 0;
  for await (const chunk of body) {
    if (length + chunk.length > size) throw unproven(`only ${size} bytes`);
    room.set(chunk, length);
    length += chunk.length;
  }
  if (length !== size) throw unproven(`all: ${length} bytes of ${size} came`);
  return room.subarray(0, size);
}
