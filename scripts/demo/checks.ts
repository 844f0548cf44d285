import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { addFiles, findCanaries, type Places } from '../../test/support/canary/search.ts';
import type { Service } from '../../test/support/service.ts';

export interface Slot {
  id: string;
  state: string;
  objectKey: string;
  request?: { headers: Record<string, string> };
}

export async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

export async function tombstones(service: Service): Promise<string[]> {
  const answer = await service.call('GET', '/v1/uploads?state=deleted');
  assert.equal(answer.status, 200);
  return (answer.body as { uploads: Slot[] }).uploads.map((upload) => upload.id);
}

/** @param key base64 */
export async function assertKeyNowhere(
  dir: string,
  service: Service,
  key: string,
): Promise<{ files: number; lines: number }> {
  const places: Places = new Map();
  await addFiles(places, dir, []);
  const files = places.size;
  const log = service.stdout() + service.stderr();
  places.set('the log', Buffer.from(log));
  assert.deepEqual(
    findCanaries(places, [{ name: 'the customer key', bytes: Buffer.from(key, 'base64') }]),
    [],
  );
  return { files, lines: log.trimEnd().split('\n').length };
}
