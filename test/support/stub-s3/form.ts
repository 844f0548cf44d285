import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Fault } from './faults.ts';
import type { Answer, Objects } from './objects.ts';

interface Policy {
  readonly expiration: string;
  readonly conditions: readonly (Readonly<Record<string, string>> | readonly [string, ...unknown[]])[];
}

/** What goes without a condition. */
const FREE = new Set(['policy', 'x-amz-signature', 'file']);
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const denied = (): Answer => ({ status: 403, code: 'AccessDenied' });

export function isForm({ method, headers }: IncomingMessage): boolean {
  return method === 'POST' && /^multipart\/form-data/.test(headers['content-type'] ?? '');
}

/** A POST by a form: its policy's signature, then every condition; what `x-minio-fanout-list` names instead of the object key, as MinIO. */
export async function takeForm(
  objects: Objects,
  { headers }: IncomingMessage,
  body: Buffer,
  { secretAccessKey, fault }: { secretAccessKey: string; fault: Fault | undefined },
): Promise<Answer> {
  const type = { 'content-type': headers['content-type'] ?? '' };
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- warns of servers that hold whole bodies; here they are a few bytes
  const data = await new Response(new Uint8Array(body), { headers: type }).formData();
  const entries = [...data].map(([name, value]) => [name.toLowerCase(), value] as const);
  const fields = new Map(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  const [, upload] = entries.find(([name]) => name === 'file') ?? [];
  if (upload === undefined || typeof upload === 'string') return { status: 400, code: 'InvalidArgument' };
  const file = Buffer.from(await upload.arrayBuffer());
  if (fault === 'denies forms' || !isSigned(fields, secretAccessKey)) return denied();
  if (fault !== 'takes any form' && !fits(fields, file)) return denied();
  const list = fields.get('x-minio-fanout-list');
  const objectKey =
    list === undefined || fault !== 'fans out'
      ? fields.get('key')
      : (JSON.parse(list) as { key: string }).key;
  const forgets = fault === 'forgets the key of forms';
  const said = Object.fromEntries([...fields].filter(([name]) => !forgets || !name.includes('-customer-')));
  const { status, headers: made = {}, ...rest } = objects.put(objectKey ?? '', said, file);
  return { ...rest, status: status === 200 ? 201 : status, headers: made };
}

function isSigned(fields: ReadonlyMap<string, string>, secret: string): boolean {
  const [, day = '', region = '', service = ''] = (fields.get('x-amz-credential') ?? '').split('/');
  const key = [region, service, 'aws4_request'].reduce<Buffer>(hmac, hmac(`AWS4${secret}`, day));
  return hmac(key, fields.get('policy') ?? '').toString('hex') === fields.get('x-amz-signature');
}

function fits(fields: ReadonlyMap<string, string>, file: Buffer): boolean {
  const text = Buffer.from(fields.get('policy') ?? '', 'base64').toString();
  const { expiration, conditions } = JSON.parse(text) as Policy;
  const wanted = new Map<string, unknown>();
  for (const condition of conditions) {
    if (!Array.isArray(condition)) {
      for (const [name, value] of Object.entries(condition)) wanted.set(name.toLowerCase(), value);
    } else if (condition[0] === 'content-length-range') {
      if (file.length < Number(condition[1]) || file.length > Number(condition[2])) return false;
    } else wanted.set(String(condition[1]).slice(1).toLowerCase(), condition[2]);
  }
  const asWanted = [...wanted].every(([name, value]) => fields.get(name) === value);
  const isFree = (name: string): boolean => FREE.has(name) || name.startsWith('x-minio-');
  const known = [...fields.keys()].every((name) => isFree(name) || wanted.has(name));
  return Date.parse(expiration) > Date.now() && asWanted && known;
}
