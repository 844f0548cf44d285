import { existsSync, readFileSync } from 'node:fs';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const PAGE_BYTES = 4096;

/** How many transactions the WAL of a SQLite database holds since it was last begun anew: sqlite.org/fileformat2.html#walformat. */
export function walCommits(path: string): number {
  const file = `${path}-wal`;
  const wal = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  if (wal.length === 0) return 0;
  const salt = wal.subarray(16, 24);
  let commits = 0;
  const step = FRAME_HEADER_BYTES + PAGE_BYTES;
  for (let at = HEADER_BYTES; at + step <= wal.length; at += step) {
    // Of what was there before the last beginning, the salt is another.
    if (!wal.subarray(at + 8, at + 16).equals(salt)) break;
    if (wal.readUInt32BE(at + 4) !== 0) commits += 1;
  }
  return commits;
}
