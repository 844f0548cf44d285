import type { UploadState } from '../../../src/uploads/upload.ts';
import { FAULTS, type Fault } from './faults.ts';
import type { Sent } from './recorder.ts';

export const slotBody = { contentType: 'text/plain', size: 5 };

export interface Scenario {
  readonly name: string;
  /** Needs faults or the store, which another process does not lend. */
  readonly inProcess?: true;
  readonly fault?: Fault;
  readonly state?: UploadState;
  /** @param key the slot's customer key in base64, as a client may send it back by mistake. */
  readonly change?: (sent: Sent, key: string) => Sent;
}

export const json = { 'content-type': 'application/json' };
export const SCENARIOS: readonly Scenario[] = [
  { name: 'right' },
  { name: 'repeated', change: (sent) => sent },
  { name: 'no credentials', change: (sent) => ({ ...sent, headers: json }) },
  {
    name: 'the key as credentials',
    change: (sent, key) => ({ ...sent, headers: { ...json, authorization: `Bearer ${key}` } }),
  },
  {
    name: 'wrong API key secret',
    change: (sent) => ({
      ...sent,
      headers: { ...json, authorization: (sent.headers.authorization ?? '').replace(/..$/, 'AA') },
    }),
  },
  {
    name: 'the key as a member',
    change: (sent, key) => withBody(sent, JSON.stringify({ ...slotBody, key })),
  },
  {
    name: 'the key as every value',
    change: (sent, key) =>
      withBody(
        sent,
        JSON.stringify({ contentType: key, size: key, sha256: `${key}x`, range: key, state: key }),
      ),
  },
  { name: 'the key in broken JSON', change: (sent, key) => withBody(sent, `{"contentType":"${key}`) },
  { name: 'the key as JSON', change: (sent, key) => withBody(sent, key) },
  { name: 'too much body', change: (sent, key) => withBody(sent, JSON.stringify(key.repeat(2_000))) },
  {
    name: 'the key as text/plain',
    change: (sent, key) => ({
      ...withBody(sent, key),
      headers: { ...sent.headers, ...(hasBody(sent) && { 'content-type': 'text/plain' }) },
    }),
  },
  {
    name: 'the key in the path',
    change: (sent, key) => ({
      ...sent,
      path: sent.path.replace(/[0-9a-f-]{36}|uploads$/, encodeURIComponent(key)),
    }),
  },
  {
    name: 'the key in the query',
    change: (sent, key) => ({ ...sent, path: `${sent.path}?cursor=${encodeURIComponent(key)}&${key}` }),
  },
  {
    name: 'the key as the name of a member',
    change: (sent, key) => withBody(sent, JSON.stringify({ ...slotBody, metadata: { [key]: 1 }, [key]: 1 })),
  },
  {
    name: 'the key as the name of a query parameter',
    change: (sent, key) => ({ ...sent, path: `${sent.path}?${encodeURIComponent(key)}=1` }),
  },
  {
    name: 'the key in a path too long',
    change: (sent, key) => ({ ...sent, path: `/v1/uploads/${encodeURIComponent(key.repeat(30))}` }),
  },
  {
    name: 'the key in headers too large',
    change: (sent, key) => ({ ...sent, headers: { ...sent.headers, 'x-key': key.repeat(500) } }),
  },
  { name: 'the key by another method', change: (sent, key) => withBody({ ...sent, method: 'PATCH' }, key) },
  {
    name: 'the key in headers',
    change: (sent, key) => ({
      ...sent,
      headers: {
        ...sent.headers,
        'x-amz-server-side-encryption-customer-key': key,
        origin: key,
        cookie: key,
      },
    }),
  },
  {
    name: 'an unknown slot',
    change: (sent) => ({ ...sent, path: sent.path.replace(/[0-9a-f]{12}/, '0'.repeat(12)) }),
  },
  { name: 'a deleting slot', state: 'deleting' },
  { name: 'an uploaded slot', state: 'uploaded', inProcess: true },
  { name: 'a rejected slot', state: 'rejected', inProcess: true },
  { name: 'an expired slot', state: 'expired', inProcess: true },
  { name: 'a deleted slot', state: 'deleted', inProcess: true },
  {
    name: 'too few scopes',
    inProcess: true,
    change: (sent) => ({ ...sent, headers: { ...sent.headers, authorization: 'few' } }),
  },
  {
    name: 'by a grant',
    inProcess: true,
    change: (sent) => ({ ...sent, headers: { ...sent.headers, authorization: 'grant' } }),
  },
  {
    name: 'by a grant, the store throwing the key',
    fault: 'store throws the key',
    inProcess: true,
    change: (sent) => ({ ...sent, headers: { ...sent.headers, authorization: 'grant' } }),
  },
  {
    name: 'against policy',
    inProcess: true,
    change: (sent) => (sent.body === undefined ? sent : withBody(sent, '{"contentType":"a/b","size":9e15}')),
  },
  ...FAULTS.flatMap((fault): Scenario[] => [
    { name: fault, fault, inProcess: true },
    { name: `${fault}, uploaded`, fault, state: 'uploaded', inProcess: true },
  ]),
];

function withBody(sent: Sent, body: string): Sent {
  return !hasBody(sent) ? sent : { ...sent, headers: { ...sent.headers, ...json }, body };
}

function hasBody({ method }: Sent): boolean {
  return method !== 'GET' && method !== 'HEAD';
}
