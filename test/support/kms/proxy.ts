import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { TestCa } from '../ca.ts';
import { severable } from '../severable.ts';

export interface KmsCall {
  /** Such as `Decrypt`. */
  readonly operation: string;
  /** All that the call names a key by, as it was sent. */
  readonly keyIds: readonly string[];
  readonly contexts: readonly Readonly<Record<string, string>>[];
}

/** What KMS says in place of an answer. */
export type KmsRefusal = 'AccessDeniedException' | 'DisabledException' | 'KMSInvalidStateException';

const SAYS: Readonly<Record<KmsRefusal, (keyArn: string) => string>> = {
  AccessDeniedException: (keyArn) => `not authorized to perform this operation on resource: ${keyArn}`,
  DisabledException: (keyArn) => `${keyArn} is disabled.`,
  KMSInvalidStateException: (keyArn) => `${keyArn} is pending deletion.`,
};

/** A KMS that can be counted, refused and cut off: TLS in front of one that cannot. */
export interface KmsProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** What was asked since the start or the last `forget`, refused calls too. */
  calls(): readonly KmsCall[];
  /** @param keyId only the calls that name it. */
  count(operation?: string, keyId?: string): number;
  forget(): void;
  /** Every call that names this key is refused from now on, but for DescribeKey: rights to a key do not hide it. */
  refuse(keyArn: string, why?: KmsRefusal): void;
  allow(keyArn: string): void;
  /** Nobody listens any more, and open connections end. */
  cut(): Promise<void>;
  /** At the same address as before. */
  mend(): Promise<void>;
}

/** @param upstream of a KMS without TLS. */
export async function kmsProxy(upstream: URL, ca: TestCa): Promise<KmsProxy> {
  let calls: KmsCall[] = [];
  const refused = new Map<string, KmsRefusal>();
  const sockets = new Set<Socket>();
  const [cert, key] = await Promise.all([readFile(ca.certFile), readFile(ca.keyFile)]);

  const server = createServer({ cert, key }, (inbound, response) => {
    void serve(inbound, response).catch(() => response.destroy());
  });
  // Not of `secureConnection`: a handshake that goes on would outlive the cut.
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });

  async function serve(inbound: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(inbound);
    const call = read(inbound, body);
    calls.push(call);
    const keyArn = call.keyIds.find((keyId) => refused.has(keyId));
    const why = keyArn === undefined ? undefined : refused.get(keyArn);
    if (keyArn !== undefined && why !== undefined && call.operation !== 'DescribeKey') {
      response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify({ __type: why, message: SAYS[why](keyArn) }));
      return;
    }
    await pass(upstream, inbound, body, response);
  }

  const { port, cut, mend } = await severable(server, '127.0.0.1', sockets);

  return {
    endpoint: `https://localhost:${port}`,
    calls: () => calls,
    count: (operation, keyId) =>
      calls.filter(
        (call) =>
          (operation === undefined || call.operation === operation) &&
          (keyId === undefined || call.keyIds.includes(keyId)),
      ).length,
    forget: () => (calls = []),
    refuse: (keyArn, why = 'AccessDeniedException') => void refused.set(keyArn, why),
    allow: (keyArn) => void refused.delete(keyArn),
    cut,
    mend,
    [Symbol.asyncDispose]: cut,
  };
}

/** Nothing of the plaintext is kept. */
function read(inbound: IncomingMessage, body: Buffer): KmsCall {
  const asked = JSON.parse(body.toString('utf8') || '{}');
  const named = [asked.KeyId, asked.SourceKeyId, asked.DestinationKeyId, asked.TargetKeyId];
  const contexts = [
    asked.EncryptionContext,
    asked.SourceEncryptionContext,
    asked.DestinationEncryptionContext,
  ];
  return {
    operation: String(inbound.headers['x-amz-target']).replace('TrentService.', ''),
    keyIds: named.filter((keyId): keyId is string => typeof keyId === 'string'),
    contexts: contexts.filter((context) => context !== undefined),
  };
}

async function pass(
  upstream: URL,
  { method = 'POST', url, headers }: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): Promise<void> {
  const outbound = request(new URL(url ?? '/', upstream), { method, headers, agent: false });
  const answered = once(outbound, 'response') as Promise<[IncomingMessage]>;
  outbound.end(body);
  const [answer] = await answered;
  // Whole and with its length, so that the connection is kept although the one behind it is not.
  const whole = await buffer(answer);
  const type = answer.headers['content-type'] ?? 'application/x-amz-json-1.1';
  response.writeHead(answer.statusCode ?? 502, { 'content-type': type, 'content-length': whole.length });
  response.end(whole);
}
