import type { ChecksumAlgorithm } from '../../src/s3/port.ts';

/** The reflected polynomials. */
const POLYNOMIALS: Readonly<Record<ChecksumAlgorithm, { bits: 32 | 64; polynomial: bigint }>> = {
  CRC32C: { bits: 32, polynomial: 0x82f63b78n },
  CRC64NVME: { bits: 64, polynomial: 0x9a6c9329ac4bc9b5n },
};

interface Table {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
}

function tableOf(polynomial: bigint): Table {
  const table = { high: new Uint32Array(256), low: new Uint32Array(256) };
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1n ? (crc >> 1n) ^ polynomial : crc >> 1n;
    table.high[byte] = Number(crc >> 32n);
    table.low[byte] = Number(crc & 0xffff_ffffn);
  }
  return table;
}

const TABLES = {
  CRC32C: tableOf(POLYNOMIALS.CRC32C.polynomial),
  CRC64NVME: tableOf(POLYNOMIALS.CRC64NVME.polynomial),
};

/** base64, big-endian, as S3 wants it. */
export function crc(algorithm: ChecksumAlgorithm, bytes: Uint8Array): string {
  const table = TABLES[algorithm];
  const is64 = POLYNOMIALS[algorithm].bits === 64;
  let high = is64 ? 0xffff_ffff : 0;
  let low = 0xffff_ffff;
  for (const byte of bytes) {
    const index = (low ^ byte) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ (table.low[index] ?? 0);
    high = (high >>> 8) ^ (table.high[index] ?? 0);
  }
  const out = Buffer.alloc(8);
  out.writeUInt32BE((high ^ (is64 ? 0xffff_ffff : 0)) >>> 0, 0);
  out.writeUInt32BE((low ^ 0xffff_ffff) >>> 0, 4);
  return out.subarray(is64 ? 0 : 4).toString('base64');
}
