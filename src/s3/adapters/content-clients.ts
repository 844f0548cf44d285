import type { S3Client } from '@aws-sdk/client-s3';

/** Clients of one S3 that differ in patience only, and in how many calls at a time they have sockets for. */
export interface ContentClients {
  /** For calls that S3 answers at once. */
  readonly calls: S3Client;
  /** Hands bodies on as they come. */
  readonly reading: S3Client;
  /** The same to others, as slowly as they read: sockets of its own, so that they keep nobody's from the service's work. */
  readonly streaming: S3Client;
  /** Waits for parts, and asks again. */
  readonly writing: S3Client;
  /** Waits for what makes an object visible, and asks once. */
  readonly committing: S3Client;
}

/** Bytes. */
export interface ContentLimits {
  /** The largest object that CopyObject copies. */
  readonly largestCopy: number;
  readonly copyPart: number;
  /** The largest object that is streamed in one piece, so that S3 keeps a checksum of the whole. */
  readonly largestPut: number;
  readonly streamPart: number;
}

const MIB = 1024 * 1024;
const MOST_PARTS = 10_000;

export const CONTENT_LIMITS: ContentLimits = {
  largestCopy: 5 * 1024 * MIB,
  copyPart: 512 * MIB,
  largestPut: 64 * MIB,
  streamPart: 8 * MIB,
};

/** A part of an object: `first` and `last` are the places of its first and last byte. */
export interface Part {
  readonly number: number;
  readonly first: number;
  readonly last: number;
}

/** @param partSize in bytes; larger when the parts would be too many. */
export function partsOf(size: number, partSize: number): Part[] {
  const each = Math.max(partSize, Math.ceil(size / MOST_PARTS));
  return Array.from({ length: Math.ceil(size / each) }, (_, i) => ({
    number: i + 1,
    first: i * each,
    last: Math.min(size, (i + 1) * each) - 1,
  }));
}
