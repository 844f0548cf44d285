import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';

/** As on a machine whose memory holds the store: what a disk takes is not the store's. Of one that memory cannot hold, what was read last. */
export async function warm(path: string): Promise<void> {
  await finished(createReadStream(path, { highWaterMark: 4 << 20 }).resume());
}

export async function warmFolder(path: string): Promise<void> {
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) await warm(join(entry.parentPath, entry.name));
}
