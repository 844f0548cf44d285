import { createPrivateKey, X509Certificate } from 'node:crypto';
import { DEFAULTS } from '../defaults.ts';
import type { ConfigFiles } from '../files.ts';
import type { Mistakes, Path } from '../mistakes.ts';
import type { Document } from '../schema.ts';
import { isLoopback } from '../urls.ts';
import type { Partially } from '../validate.ts';

type Store = NonNullable<Partially<Document>['store']>;
type Postgres = Extract<Store, { kind?: 'postgres' | undefined }>;

const AT: Path = ['store'];

/** What of the section takes more than one field or the disk to judge. */
export async function checkStore(store: Store, files: ConfigFiles, mistakes: Mistakes): Promise<void> {
  if (store.kind === 'sqlite') await files.checkFolderOf([...AT, 'path'], store.path);
  if (store.kind === 'postgres') await checkPostgres(store, files, mistakes);
}

async function checkPostgres(store: Postgres, files: ConfigFiles, mistakes: Mistakes): Promise<void> {
  const hosts = listOf(store.host);
  const ports = listOf(store.port);
  const plain = hosts.filter((host) => host !== undefined).filter((host) => isPlain(host, mistakes));
  if (ports.length > 1 && ports.length !== hosts.length)
    mistakes.add([...AT, 'port'], `must be one, or as many as there are hosts (${hosts.length})`);
  if (store.password !== undefined && store.passwordFile !== undefined)
    mistakes.add([...AT, 'passwordFile'], 'must not be given beside password: keep one');
  if (store.password?.trim() === '') mistakes.add([...AT, 'password'], 'must not be empty');
  await files.readText([...AT, 'passwordFile'], store.passwordFile);
  checkTimeouts(store.timeouts ?? {}, mistakes);
  await checkTls(store.tls ?? {}, plain, files, mistakes);
}

function checkTimeouts(given: NonNullable<Postgres['timeouts']>, mistakes: Mistakes): void {
  // NaN, for what the schema refused, is neither too small nor too large.
  const { statementMilliseconds = NaN, callMilliseconds = NaN } = { ...DEFAULTS.postgres.timeouts, ...given };
  if (callMilliseconds <= statementMilliseconds)
    mistakes.add(
      [...AT, 'timeouts', 'callMilliseconds'],
      `must be more than statementMilliseconds, which is ${statementMilliseconds}`,
      callMilliseconds,
    );
}

function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

function isPlain(host: string, mistakes: Mistakes): boolean {
  const at = [...AT, 'host'];
  // What stands before the "@" may be a password: not shown, here or elsewhere.
  if (/:\/\/|@/.test(host))
    mistakes.add(
      at,
      'must be a name or an address alone, no URL: user, database and port have settings of their own',
    );
  else if (/[\s,]/.test(host)) mistakes.add(at, 'must be one host; write several as a list', host);
  else return true;
  return false;
}

async function checkTls(
  tls: NonNullable<Postgres['tls']>,
  hosts: readonly string[],
  files: ConfigFiles,
  mistakes: Mistakes,
): Promise<void> {
  const at = [...AT, 'tls'];
  const apart = hosts.find((host) => !host.startsWith('/') && !isLoopback(host));
  if (tls.mode === 'disable' && apart !== undefined)
    mistakes.add([...at, 'mode'], `must be verify-full: ${apart} is not on loopback`, tls.mode);
  for (const name of ['caFile', 'certFile', 'keyFile'] as const)
    if (tls.mode === 'disable' && tls[name] !== undefined)
      mistakes.add([...at, name], 'must not be given where mode is disable');
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined))
    mistakes.add(
      [...at, tls.certFile === undefined ? 'certFile' : 'keyFile'],
      'is missing: give both or neither',
    );
  await files.readCertificates([...at, 'caFile'], tls.caFile);
  await files.readCertificates([...at, 'certFile'], tls.certFile);
  const key = await files.readText([...at, 'keyFile'], tls.keyFile);
  if (key === undefined) return;
  const cert =
    tls.certFile === undefined ? undefined : await files.readText([...at, 'certFile'], tls.certFile);
  if (!fits(key, cert))
    mistakes.add(
      [...at, 'keyFile'],
      'the file must hold the private key of certFile in PEM form, without a password',
    );
}

/** @param cert what is no certificate is said elsewhere. */
function fits(key: string, cert: string | undefined): boolean {
  try {
    const privateKey = createPrivateKey(key);
    return (
      cert === undefined || !isCertificate(cert) || new X509Certificate(cert).checkPrivateKey(privateKey)
    );
  } catch {
    return false;
  }
}

function isCertificate(text: string): boolean {
  try {
    new X509Certificate(text);
    return true;
  } catch {
    return false;
  }
}
