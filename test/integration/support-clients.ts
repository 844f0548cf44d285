import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

/** A request as a client is told to send it. The HTTP stack adds `host` and `content-length`. */
export interface WireRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** A body without a length, as a stream has it. */
  readonly chunked?: boolean;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

export type Send = (request: WireRequest) => Promise<WireAnswer>;

/** The global `fetch` takes no CA per call, so this process comes to trust the test servers' own, beside all it trusts anyway. */
export function trust(caPem: string): void {
  setDefaultCACertificates([...getCACertificates('default'), caPem]);
}

export const sendByFetch: Send = async ({ method, url, headers, body, chunked }) => {
  const answer = await fetch(url, {
    method,
    headers,
    redirect: 'manual',
    ...(body !== undefined &&
      (chunked === true ? { body: streamOf(body), duplex: 'half' } : { body: new Uint8Array(body) })),
  });
  return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
};

function streamOf(body: Buffer): ReadableStream<Uint8Array> {
  return new Blob([new Uint8Array(body)]).stream();
}

/** curl, given its headers by a pipe: an argument would show the customer key to every user of the machine. */
export async function curl(caFile: string): Promise<{ send: Send; [Symbol.asyncDispose](): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-curl-'));
  const send: Send = async ({ method, url, headers, body, chunked }) => {
    const file = (kind: string): string => join(dir, `${randomUUID()}.${kind}`);
    const [sent, head, received] = [file('sent'), file('head'), file('received')];
    if (body !== undefined) await writeFile(sent, body);
    const child = spawn('curl', [
      ...['--silent', '--show-error', '--max-time', '30', '--cacert', caFile, '--header', '@-'],
      ...['--dump-header', head, '--output', received],
      ...(method === 'HEAD' ? ['--head'] : []),
      ...(body === undefined ? [] : ['--upload-file', sent]),
      url,
    ]);
    const all = { ...headers, ...(chunked === true && { 'transfer-encoding': 'chunked' }) };
    child.stdin.end(
      Object.entries(all)
        .map(([name, value]) => `${name}: ${value}\n`)
        .join(''),
    );
    const [complaint] = await Promise.all([text(child.stderr), once(child, 'close')]);
    if (child.exitCode !== 0)
      throw new Error(`curl ended with ${child.exitCode ?? 'a signal'}: ${complaint}`);
    const bytes = method === 'HEAD' ? Buffer.alloc(0) : await readFile(received).catch(() => Buffer.alloc(0));
    return { ...lastHead(await readFile(head, 'latin1')), body: bytes };
  };
  return { send, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
}

/** After `100 Continue` comes another head. */
function lastHead(heads: string): Pick<WireAnswer, 'status' | 'headers'> {
  const [first = '', ...lines] = heads.trimEnd().split('\r\n\r\n').at(-1)!.split('\r\n');
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { status: Number(first.split(' ')[1]), headers };
}
