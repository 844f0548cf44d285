import type { ServerFacts } from '../../../inspection.ts';
import { integer, text, type Row } from '../../sql/rows.ts';
import type { Session } from '../connection.ts';
import { SERVING_PATTERN } from '../settings.ts';
import { missingRights, mayMigrate } from './tables.ts';

/** Settings by `current_setting` are those of this session. Nothing here needs more rights than to log in. */
const FACTS = `
  SELECT current_setting('server_version_num')::int AS version,
    pg_is_in_recovery()::int AS in_recovery,
    (current_setting('default_transaction_read_only') = 'on')::int AS read_only,
    (current_setting('fsync') = 'on')::int AS fsync,
    (current_setting('full_page_writes') = 'on')::int AS full_page_writes,
    (current_setting('autovacuum') = 'on')::int AS autovacuum,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('synchronous_standby_names') AS standbys`;

/** Of a role that may not see them, the columns are null. */
const STANDBYS = `
  SELECT count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) AS in_sync, count(*) FILTER (WHERE sync_state IS NULL) AS hidden
  FROM pg_stat_replication`;

/** -1 is no limit. `reserved_connections` came with version 16. */
const CONNECTIONS = `
  SELECT least(
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true)::int, 0),
    (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()),
    (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user)) AS max_connections,
    (SELECT count(DISTINCT application_name) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE :serving) AS replicas`;

const TLS = `SELECT ssl::int AS used, coalesce(version, '') AS protocol, coalesce(cipher, '') AS cipher
  FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;

const CLOCK = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now';

type Durability = Pick<ServerFacts, 'fsync' | 'fullPageWrites' | 'synchronousCommit'>;
type Asked = Omit<ServerFacts, 'connectMilliseconds' | 'isLocal'>;

export async function askServer(session: Session): Promise<Asked> {
  const facts = await one(session, FACTS);
  const standbys = await one(session, STANDBYS);
  const connections = await one(session, CONNECTIONS, { serving: SERVING_PATTERN });
  return {
    version: integer(facts, 'version'),
    isInRecovery: flag(facts, 'in_recovery'),
    isReadOnly: flag(facts, 'read_only'),
    autovacuum: flag(facts, 'autovacuum'),
    ...durabilityOf(facts),
    synchronousStandbys: text(facts, 'standbys'),
    standbysInSync: integer(standbys, 'hidden') > 0 ? undefined : integer(standbys, 'in_sync'),
    maxConnections: integer(connections, 'max_connections'),
    replicas: integer(connections, 'replicas'),
    tls: await tlsOf(session),
    clock: await clockOf(session),
    missingRights: await missingRights(session),
    mayMigrate: await mayMigrate(session),
  };
}

export async function askDurability(session: Session): Promise<Durability> {
  return durabilityOf(await one(session, FACTS));
}

function durabilityOf(facts: Row): Durability {
  return {
    fsync: flag(facts, 'fsync'),
    fullPageWrites: flag(facts, 'full_page_writes'),
    synchronousCommit: text(facts, 'synchronous_commit'),
  };
}

async function one(session: Session, sql: string, values = {}): Promise<Row> {
  const row = await session.get(sql, values);
  if (row === undefined) throw new TypeError('the server answers with no row');
  return row;
}

function flag(row: Row, column: string): boolean {
  return integer(row, column) === 1;
}

async function tlsOf(session: Session): Promise<ServerFacts['tls']> {
  const row = await session.get(TLS);
  if (row === undefined || !flag(row, 'used')) return undefined;
  return { protocol: text(row, 'protocol'), cipher: text(row, 'cipher') };
}

async function clockOf(session: Session): Promise<ServerFacts['clock']> {
  // Prepared before it is timed.
  await one(session, CLOCK);
  const asked = Date.now();
  const theirs = integer(await one(session, CLOCK), 'now');
  const answered = Date.now();
  return { aheadMilliseconds: theirs - (asked + answered) / 2, uncertainty: (answered - asked) / 2 };
}
