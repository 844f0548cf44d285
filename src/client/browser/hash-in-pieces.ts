import { Sha256 } from './sha256.ts';

/** Bytes: a few milliseconds' work. */
const PIECE = 1024 ** 2;

/** base64 of the SHA-256, in constant memory. The thread is free between the pieces. @throws what reading the Blob throws. */
export async function hashInPieces(file: Blob, signal?: AbortSignal): Promise<string> {
  const hash = new Sha256();
  for (let at = 0; at < file.size; at += PIECE) {
    signal?.throwIfAborted();
    hash.update(new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer()));
  }
  return base64(hash.digest());
}

export function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
