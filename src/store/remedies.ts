/** For a role that may not, where there are no tables yet: a command that only reads makes none. */
export const TO_MAKE_TABLES =
  'make an API key (`sealslot api-key create`) as the role that owns the database (SEALSLOT_STORE__USER), which makes the tables, or give this one CREATE on the schema: docs/postgres.md';
/** For a role that may not, where there are tables of an older version. */
export const TO_CHANGE_TABLES =
  'run `sealslot api-key list` as the role that owns the tables (SEALSLOT_STORE__USER), which changes them: docs/postgres.md';

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/permission denied for schema/i, TO_MAKE_TABLES],
  [/must be owner of/i, TO_CHANGE_TABLES],
  [/permission denied/i, 'grant this role the rights that docs/postgres.md names'],
  [
    /read-only transaction|recovery|takes no writes/i,
    'name the primary in store.host, or all hosts as a list; on a primary see why it was made read-only (a full disk, a failover)',
  ],
  [/(ENOENT|EACCES).*, open /, 'let the user that serves read store.passwordFile'],
  [
    /timeout exceeded when trying to connect/,
    'see whether the server is slow; if not, raise store.pool.max: all connections of this process were in use',
  ],
  [
    /password|authentication|pg_hba|role .* does not exist/i,
    'see store.user, store.passwordFile, and the server’s pg_hba.conf',
  ],
  [
    /certificate|SSL|TLS|altname/i,
    'let store.tls.caFile name the CA of the server’s certificate, and store.host the name that is in it',
  ],
  [/database .* does not exist/i, 'make the database: createdb, or see store.database'],
  [
    /too many|remaining connection slots/i,
    'raise max_connections, or lower store.pool.max times the number of replicas',
  ],
  [/no space left|could not extend/i, 'make room on the server’s disk'],
  [/npm install/, 'install it'],
];

/** What an operator may do. @param reason why PostgreSQL cannot be used, as it or the way to it says. */
export function remedyFor(reason: string): string {
  const found = REMEDIES.find(([pattern]) => pattern.test(reason));
  return found?.[1] ?? 'see that the server runs and that store.host and store.port lead to it';
}
