/**
 * What the replicas of docker-compose.yml's profile `scale` need of OpenBao, each made once: a `derived` key, the smallest policy, and an AppRole to
 * log in with. Root's token ends with it; a run that was cut short goes on. `openbao-setup.ts SEAL_FOLDER LOGIN_FOLDER`
 */
import { existsSync, renameSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const [sealFolder = '', loginFolder = ''] = process.argv.slice(2);
const address = process.env['BAO_ADDR'] ?? 'https://openbao:8200';
const recoveryFile = join(sealFolder, 'recovery-key');
const rootFile = join(sealFolder, 'root-token');
const secretIdFile = join(loginFolder, 'secret-id');

const POLICY = `
path "transit/encrypt/sealslot" { capabilities = ["update"] }
path "transit/decrypt/sealslot" { capabilities = ["update"] }
path "transit/rewrap/sealslot" { capabilities = ["update"] }
path "transit/keys/sealslot" { capabilities = ["read"] }
`;

await until('OpenBao answers', async () => (await isInitialized()) !== undefined);
if ((await isInitialized()) === false) {
  const made = await ask('PUT', 'sys/init', { recovery_shares: 1, recovery_threshold: 1 });
  const { recovery_keys, root_token } = made as { recovery_keys: string[]; root_token: string };
  keep(recoveryFile, recovery_keys.join('\n'));
  keep(rootFile, root_token);
}
// 200 only once it is unsealed and has made itself the active one of its cluster.
await until('OpenBao is ready', () =>
  ask('GET', 'sys/health').then(
    () => true,
    () => false,
  ),
);
if (existsSync(rootFile)) {
  const token = readFileSync(rootFile, 'utf8');
  const asRoot = (method: string, path: string, body?: unknown): Promise<object> =>
    ask(method, path, body, { 'x-vault-token': token });
  if (!('transit/' in (await asRoot('GET', 'sys/mounts'))))
    await asRoot('POST', 'sys/mounts/transit', { type: 'transit' });
  await asRoot('POST', 'transit/keys/sealslot', { derived: true });
  await asRoot('PUT', 'sys/policies/acl/sealslot', { policy: POLICY });
  if (!('approle/' in (await asRoot('GET', 'sys/auth'))))
    await asRoot('POST', 'sys/auth/approle', { type: 'approle' });
  const role = 'auth/approle/role/sealslot';
  await asRoot('POST', role, { token_policies: ['sealslot'], token_ttl: '1h', token_max_ttl: '24h' });
  await asRoot('POST', `${role}/role-id`, { role_id: 'sealslot' });
  const { data } = (await asRoot('POST', `${role}/secret-id`)) as { data: { secret_id: string } };
  keep(secretIdFile, data.secret_id);
  rmSync(rootFile);
  await asRoot('POST', 'auth/token/revoke-self');
}
process.stdout.write('OpenBao: the key sealslot, and who may use it\n');

/** @returns undefined when there is no answer. */
async function isInitialized(): Promise<boolean | undefined> {
  try {
    return ((await ask('GET', 'sys/seal-status')) as { initialized: boolean }).initialized;
  } catch {
    return undefined;
  }
}

/** @throws for any status but 2xx. */
async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<object> {
  const answer = await fetch(`${address}/v1/${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`OpenBao: ${method} ${path}: ${answer.status} ${text}`);
  return text === '' ? {} : (JSON.parse(text) as object);
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await delay(200);
  }
}

/** Whole, or not at all. */
function keep(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
