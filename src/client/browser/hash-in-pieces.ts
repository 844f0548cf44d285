import { base64 } from './sha256-in-memory.ts';
import { Sha256 } from './sha256.ts';

const PIECE_BYTES = 4 * 1024 ** 2;

/** base64 of the SHA-256, in constant memory. @throws what reading the Blob throws. */
export async function hashInPieces(file: Blob): Promise<string> {
  const hash = new Sha256();
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    hash.update(new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer()));
  }
  return base64(hash.digest());
}
