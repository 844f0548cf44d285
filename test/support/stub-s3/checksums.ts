import { createHash } from 'node:crypto';

/** base64, as S3 has them in `x-amz-checksum-*`. */
export const CHECKSUMS: Readonly<Record<string, (body: Buffer) => string>> = {
  sha256: (body) => createHash('sha256').update(body).digest('base64'),
  crc32c: (body) => crc(body, 0x82f63b78n, 32),
  crc64nvme: (body) => crc(body, 0x9a6c9329ac4bc9b5n, 64),
};

/** Bit by bit; bodies are small here. */
function crc(body: Buffer, polynomial: bigint, bits: 32 | 64): string {
  const ones = (1n << BigInt(bits)) - 1n;
  let rest = ones;
  for (const byte of body) {
    rest ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) rest = (rest & 1n) === 1n ? (rest >> 1n) ^ polynomial : rest >> 1n;
  }
  return Buffer.from((rest ^ ones).toString(16).padStart(bits / 4, '0'), 'hex').toString('base64');
}
