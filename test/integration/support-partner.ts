import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import type { S3Server } from '../support/s3-server.ts';

export const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Command {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  lines(): string[];
  /** What `ps` shows of it. */
  commandLine(): Promise<string>;
}

/** A partner's command, in a process of its own and with an environment of its own. */
export function start(
  file: string,
  args: readonly string[],
  options: { cwd: string; env: object; input?: string },
): Command {
  const env = { PATH: process.env['PATH'], ...options.env };
  const child = spawn(file, args, { cwd: options.cwd, env });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  const ended = once(child, 'close').then(([status, signal]) => ({ status, signal, ...output }));
  return {
    child,
    ended,
    lines: () => output.stdout.split('\n').slice(0, -1),
    commandLine: () => readFile(`/proc/${child.pid ?? 0}/cmdline`, 'utf8'),
  };
}

/** The object keys in the bucket that end so. */
export async function objectKeys(s3: S3Server, bucket: string, ending: RegExp): Promise<string[]> {
  const client = new S3Client({
    endpoint: s3.endpoint,
    region: s3.region,
    forcePathStyle: true,
    credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
    requestHandler: { httpsAgent: new Agent({ ca: s3.caPem }) },
  });
  const keys: string[] = [];
  for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket })) {
    keys.push(...(page.Contents ?? []).map(({ Key }) => Key ?? '').filter((key) => ending.test(key)));
  }
  client.destroy();
  return keys;
}

/** What the relay loses; it counts connections that it has broken. */
export interface Losses {
  /** Breaks a connection at the first answer after so many bytes have gone to the server: the answer is lost. */
  afterSent?: number;
  /** Breaks a connection after so many bytes have come from the server. */
  afterReceived?: number;
  times: number;
}

/** Passes TCP on to a server, counts the bytes that go there, and breaks connections at chosen points. */
export async function lossyRelay(
  endpoint: string,
): Promise<{ readonly endpoint: string; readonly losses: Losses; sent(): number } & AsyncDisposable> {
  const to = new URL(endpoint);
  const losses: Losses = { times: 0 };
  const sockets = new Set<Socket>();
  let total = 0;
  const server = createServer((inbound) => {
    const outbound = connect(Number(to.port), to.hostname);
    let [sent, received] = [0, 0];
    for (const [socket, other] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => (other.destroy(), sockets.delete(socket)));
    }
    inbound.on('data', ({ length }) => ([sent, total] = [sent + length, total + length])).pipe(outbound);
    inbound.on('drain', () => outbound.resume());
    outbound.on('data', (chunk) => {
      received += chunk.length;
      const { afterSent = Infinity, afterReceived = Infinity, times } = losses;
      if (times > 0 && (sent >= afterSent || received >= afterReceived)) {
        losses.times -= 1;
        inbound.destroy();
      } else if (!inbound.write(chunk)) outbound.pause();
    });
    outbound.on('end', () => inbound.end());
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return {
    endpoint: `https://localhost:${(server.address() as AddressInfo).port}`,
    losses,
    sent: () => total,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}
