import type { Upload } from './upload.ts';

const MIB = 1024 ** 2;
/** S3's limit for the parts of one upload. */
export const MOST_PARTS = 10_000;
/** Large enough to keep a line busy, small enough to be sent again. */
const USUAL_BYTES = 16 * MIB;

/** Bytes of every part but the last: as asked for, or 16 MiB, or as much more as keeps the parts within S3's 10,000. */
export function partSizeOf(size: number, asked: number = USUAL_BYTES): number {
  const least = Math.ceil(size / MOST_PARTS / MIB) * MIB;
  return Math.max(asked, least);
}

type Parted = Pick<Upload, 'size' | 'partSize'>;

export function partCountOf({ size, partSize }: Parted): number {
  return partSize === null ? 0 : Math.ceil(size / partSize);
}

/** Bytes of one part. @param partNumber 1 to the count. */
export function sizeOfPart(upload: Parted, partNumber: number): number {
  const { size, partSize } = upload;
  if (partSize === null) throw new TypeError('this upload has no parts');
  return Math.min(partSize, size - (partNumber - 1) * partSize);
}
