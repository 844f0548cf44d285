import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { BearerToken } from '../../client/node/bearer-token.ts';
import { parseEndpoint as parse } from '../../client/node/endpoint.ts';
import { unusable } from '../../client/node/local-file.ts';
import type { RetryPolicy } from '../../client/retry.ts';
import { PartnerService } from '../../client/node/partner-service.ts';
import { Transport } from '../../client/node/transport.ts';
import { UsageError } from '../command.ts';

/** What `upload` and `download` have in common. */
export interface PartnerOptions {
  readonly endpoint: string;
  readonly apiKeyFile?: string;
  readonly caFile?: string;
}

/**
 * @param say a line for a person: what is tried again, and what is dangerous.
 * @throws UsageError when the endpoint, the API key or the certificates are not usable.
 */
export async function openService(
  options: PartnerOptions,
  env: NodeJS.ProcessEnv,
  patience: RetryPolicy,
  say: (line: string) => void,
): Promise<PartnerService> {
  const endpoint = parseEndpoint(options.endpoint);
  const token = await readToken(options, env);
  if (options.apiKeyFile !== undefined && (await othersMayRead(options.apiKeyFile))) {
    say(`warning: others on this machine may read ${options.apiKeyFile}; chmod 600`);
  }
  let last = '';
  const onRetry = ({ message }: Error): void => {
    // Many files at once meet the same trouble.
    if (message !== last) say(`${message} Trying again …`);
    last = message;
  };
  const retry = { ...patience, onRetry };
  const transport = await openTransport(options.caFile);
  return new PartnerService({ endpoint, authorize: () => token.header(), transport, retry });
}

/** @throws UsageError unless it is https, or http on this machine. */
export function parseEndpoint(text: string): URL {
  try {
    return parse(text);
  } catch (error) {
    throw new UsageError(`--endpoint: ${(error as Error).message}`);
  }
}

async function othersMayRead(path: string): Promise<boolean> {
  const facts = await stat(path);
  return facts.isFile() && (facts.mode & 0o077) !== 0;
}

async function readToken({ apiKeyFile }: PartnerOptions, env: NodeJS.ProcessEnv): Promise<BearerToken> {
  const where = apiKeyFile === undefined ? 'SEALSLOT_API_KEY' : `--api-key-file ${apiKeyFile}`;
  const text =
    apiKeyFile === undefined ? env.SEALSLOT_API_KEY : await readOption('--api-key-file', apiKeyFile);
  if (text === undefined || text.trim() === '') {
    throw new UsageError('an API key is needed: set SEALSLOT_API_KEY, or name a file by --api-key-file');
  }
  try {
    return new BearerToken(text.trim());
  } catch {
    throw new UsageError(`${where}: holds no API key`);
  }
}

async function openTransport(caFile: string | undefined): Promise<Transport> {
  if (caFile === undefined) return new Transport();
  const pem = await readOption('--ca-file', caFile);
  try {
    // A context takes any text for certificates.
    new X509Certificate(pem);
    return new Transport(pem);
  } catch {
    throw new UsageError(`--ca-file ${caFile}: holds no certificates in PEM`);
  }
}

async function readOption(option: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${option} ${path}: ${unusable(error).message}`);
  }
}
