import { Secret } from '../../secret.ts';
import { DEFAULTS } from '../defaults.ts';
import type { PostgresConfig, PostgresTlsConfig, StoreConfig } from '../config.ts';
import type { ConfigFiles } from '../files.ts';
import type { Document } from '../schema.ts';

type PostgresDocument = Extract<Document['store'], { kind: 'postgres' }>;

/** A section without mistakes, as the service uses it. */
export function buildStore(store: Document['store'], files: ConfigFiles): StoreConfig {
  if (store.kind === 'sqlite') return { kind: 'sqlite', path: files.absolute(store.path) };
  return buildPostgres(store, files);
}

function buildPostgres(store: PostgresDocument, files: ConfigFiles): PostgresConfig {
  const { database, user, password, passwordFile, tls = {}, pool, timeouts } = store;
  const ports = [store.port ?? DEFAULTS.postgres.port].flat();
  return {
    kind: 'postgres',
    hosts: [store.host].flat().map((host, index) => ({
      host,
      port: ports[ports.length === 1 ? 0 : index] ?? DEFAULTS.postgres.port,
    })),
    database,
    user,
    password: password === undefined ? undefined : new Secret(password.trim()),
    passwordFile: passwordFile === undefined ? undefined : files.absolute(passwordFile),
    tls: tls.mode === 'disable' ? undefined : buildTls(tls, files),
    pool: { ...DEFAULTS.postgres.pool, ...pool },
    timeouts: { ...DEFAULTS.postgres.timeouts, ...timeouts },
  };
}

function buildTls(
  { caFile, certFile, keyFile }: NonNullable<PostgresDocument['tls']>,
  files: ConfigFiles,
): PostgresTlsConfig {
  return {
    ca: caFile === undefined ? undefined : files.text(caFile),
    ...(caFile !== undefined && { caFile: files.absolute(caFile) }),
    client:
      certFile === undefined || keyFile === undefined
        ? undefined
        : { cert: files.text(certFile), key: new Secret(files.text(keyFile)) },
    ...(keyFile !== undefined && { keyFile: files.absolute(keyFile) }),
  };
}
