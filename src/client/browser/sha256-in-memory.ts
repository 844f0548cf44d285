/** base64. */
export function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** base64 of the SHA-256, by the browser itself and off this thread, of what fits into memory. For secure contexts only. */
export async function sha256InMemory(blob: Blob): Promise<string> {
  return base64(new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer())));
}
