import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Service } from './service.ts';

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

export async function tombstones(service: Service, apiKey: string): Promise<string[]> {
  const headers = { authorization: `Bearer ${apiKey}` };
  const answer = await fetch(`${service.url}/v1/uploads?state=deleted`, { headers });
  assert.equal(answer.status, 200);
  const { uploads } = (await answer.json()) as { uploads: Slot[] };
  return uploads.map((upload) => upload.id);
}

export async function assertKeyNowhere(
  dir: string,
  service: Service,
  key: string,
): Promise<{ files: number; lines: number }> {
  const forms = [
    Buffer.from(key),
    Buffer.from(key, 'base64'),
    Buffer.from(Buffer.from(key, 'base64').toString('hex')),
  ];
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const path of files) {
    const bytes = await readFile(path);
    assert.ok(!forms.some((form) => bytes.includes(form)), `${path} holds the customer key`);
  }
  assert.ok(!service.logged().includes(key), 'the log holds the customer key');
  return { files: files.length, lines: service.logged().split('\n').length };
}
