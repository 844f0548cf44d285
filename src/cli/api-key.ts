import { createApiKey } from '../access/adapters/api-key.ts';
import { SCOPES, type Scope } from '../access/principal.ts';
import { openStore } from '../composition.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/config.ts';
import type { ApiKeyStore } from '../store/port.ts';
import { configPath, UsageError } from './command.ts';
import { demandStore } from './operator.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

export interface CreateOptions {
  readonly tenant: string;
  readonly name: string;
  readonly scopes: string;
  readonly expires?: string;
}

/** Prints the token to standard output, once, and everything else to standard error, so that it can be piped. */
export async function createKey(options: CreateOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const { tenant, name, scopes, expires } = options;
  const config = await loadConfig({ path: configPath(env), env });
  if (!Object.hasOwn(config.tenants, tenant)) {
    throw new UsageError(`--tenant ${tenant}: must be one of ${Object.keys(config.tenants).join(', ')}`);
  }
  if (!NAME.test(name)) throw new UsageError('--name: letters, digits, and . _ @ -, at most 64');
  const { token, record } = createApiKey({
    tenant,
    name,
    scopes: parseScopes(scopes),
    expiresAt: expires === undefined ? null : parseTime(expires),
    now: Date.now(),
  });
  await withKeys(config, (keys) => keys.insert(record));
  process.stderr.write(`API key ${record.id} for ${tenant}; it is shown only now:\n`);
  process.stdout.write(`${token.reveal()}\n`);
  return 0;
}

export async function listKeys(env: NodeJS.ProcessEnv): Promise<number> {
  const config = await loadConfig({ path: configPath(env), env });
  await demandStore(config);
  for (const key of await withKeys(config, (keys) => keys.list())) {
    const { id, tenant, name, scopes } = key;
    const times = {
      createdAt: time(key.createdAt),
      expiresAt: time(key.expiresAt),
      revokedAt: time(key.revokedAt),
      lastUsedAt: time(key.lastUsedAt),
    };
    process.stdout.write(`${JSON.stringify({ id, tenant, name, scopes, ...times })}\n`);
  }
  return 0;
}

export async function revokeKey(id: string, env: NodeJS.ProcessEnv): Promise<number> {
  const config = await loadConfig({ path: configPath(env), env });
  await demandStore(config);
  if (await withKeys(config, (keys) => keys.revoke(id, Date.now()))) return 0;
  process.stderr.write(`There is no API key ${id}.\n`);
  return 1;
}

async function withKeys<T>(config: Config, work: (keys: ApiKeyStore) => Promise<T>): Promise<T> {
  const store = await openStore(config, { serves: false });
  try {
    return await work(store.apiKeys);
  } finally {
    await store.close();
  }
}

function parseScopes(text: string): Scope[] {
  const scopes = [...new Set(text.split(',').map((scope) => scope.trim()))];
  const unknown = scopes.filter((scope) => !(SCOPES as readonly string[]).includes(scope));
  if (unknown.length > 0)
    throw new UsageError(`--scopes ${unknown.join(',')}: must be of ${SCOPES.join(', ')}`);
  return scopes as Scope[];
}

function parseTime(text: string): number {
  const isRfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const milliseconds = Date.parse(text);
  if (!isRfc3339 || Number.isNaN(milliseconds))
    throw new UsageError('--expires: must be RFC 3339, as 2027-01-31T00:00:00Z');
  if (milliseconds <= Date.now()) throw new UsageError('--expires: must lie in the future');
  return milliseconds;
}

function time(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString();
}
