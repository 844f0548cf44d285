import type { ServerFacts, ServerInspection } from '../../store/inspection.ts';
import { remedyFor, TO_CHANGE_TABLES, TO_MAKE_TABLES } from '../../store/remedies.ts';
import { about, type CheckText, type Examination, type Finding } from '../finding.ts';

export const SERVER_STORE_CHECKS = {
  'store.answers': {
    title: 'server',
    means:
      'PostgreSQL answers as this role, in a version that the service knows (14 or later), and is the primary.',
  },
  'store.tls': {
    title: 'TLS to the store',
    means: 'Wrapped keys and hashes of API keys travel under TLS, to the server that the certificate names.',
  },
  'store.schema': {
    title: 'tables',
    means: 'The tables are those of a version that this one can serve beside.',
  },
  'store.rights': {
    title: 'rights',
    means:
      'The role may read and write every table of the store. Making and changing tables may be another role’s.',
  },
  'store.synced': {
    title: 'durable',
    means:
      'PostgreSQL acknowledges a commit when it is on disk and would survive a crash: `fsync`, `full_page_writes` and `synchronous_commit` are on.',
  },
  'store.standby': {
    title: 'synchronous standby',
    means:
      'A commit waits for a second server. Without one, the loss of one disk loses slots that were acknowledged.',
  },
  'store.connections': {
    title: 'connections',
    means: 'The pools of all replicas fit into what the server allows.',
  },
  'store.clock': {
    title: 'clock of the store',
    means:
      'The clocks of the service and of the database agree, so that times in logs and backups can be compared.',
  },
  'store.vacuum': {
    title: 'autovacuum',
    means:
      'The server clears away what updates and deletions leave behind. Destroyed keys lie there until then.',
  },
} as const satisfies Record<string, CheckText>;

const OLDEST = 140_000;
/** Of a doctor, a shell, and what a rolling restart has twice. */
const SPARE_CONNECTIONS = 5;
const CLOCK_NOTE_MS = 2_000;
const EVERYTHING = ['the whole service: it does not start'];
const CHANGES = ['new slots', 'complete', 'deletion', 'whatever else the store has to keep'];

export type DurabilityFacts = Pick<ServerFacts, 'fsync' | 'fullPageWrites' | 'synchronousCommit'>;

const say = about('store');

/** @param pool the most connections of one replica. */
export async function* examineServer(inspection: ServerInspection, pool: number): Examination {
  const { server, state } = inspection;
  if (server === undefined) {
    const reason = state.kind === 'unreadable' ? state.reason : 'it cannot be asked';
    yield say.off('store.answers', `${inspection.place}: ${reason}`, remedyFor(reason), EVERYTHING);
    return false;
  }
  const answers = answersRight(inspection, server);
  yield answers;
  yield tls(server);
  const opens = schema(inspection, server);
  yield opens;
  if (state.kind === 'sound' || state.kind === 'compatible') yield rights(server);
  yield* examineDurability(server);
  yield standby(server);
  yield connections(server, pool);
  yield clock(server);
  yield server.autovacuum
    ? say.ok('store.vacuum', 'on')
    : say.off(
        'store.vacuum',
        'autovacuum is off: tables grow without end, and destroyed keys stay in them',
        'set autovacuum = on and reload',
        ['steady speed', 'the removal of destroyed keys from the data files'],
      );
  return answers.outcome === 'ok' && opens.outcome !== 'off';
}

function answersRight({ place }: ServerInspection, server: ServerFacts): Finding {
  const check = 'store.answers';
  const version = versionText(server.version);
  const found = `${place} is PostgreSQL ${version}`;
  if (server.version < OLDEST)
    return say.off(check, `${found}; 14 is the oldest that will do`, 'upgrade the server', EVERYTHING);
  if (server.isInRecovery)
    return say.off(
      check,
      `${found} and a standby: it takes no writes`,
      'name the primary in store.host, or all hosts as a list',
      CHANGES,
    );
  if (server.isReadOnly)
    return say.off(
      check,
      `${found}, but read-only: default_transaction_read_only is on`,
      'see why it was turned on (a full disk, a failover), and turn it off for this role and database',
      CHANGES,
    );
  return say.ok(check, `${found}; to connect took ${Math.round(server.connectMilliseconds)} ms`);
}

/** 15.18 of 150018. */
export function versionText(version: number): string {
  return `${Math.floor(version / 10_000)}.${version % 10_000}`;
}

function tls({ tls: used, isLocal }: ServerFacts): Finding {
  const check = 'store.tls';
  if (used !== undefined) return say.ok(check, `${used.protocol} (${used.cipher}), the certificate verified`);
  if (isLocal) return say.ok(check, 'none, on this machine');
  return say.unsafe(
    check,
    'none: whoever is on the way reads wrapped keys',
    'set store.tls.mode to verify-full',
  );
}

function schema({ place, state }: ServerInspection, { mayMigrate }: ServerFacts): Finding {
  const check = 'store.schema';
  switch (state.kind) {
    case 'absent':
      if (mayMigrate) return say.note(check, 'there are none yet; they are made at the first start');
      return say.off(
        check,
        'there are none yet, and this role may not make them',
        TO_MAKE_TABLES,
        EVERYTHING,
      );
    case 'sound': {
      if (state.pending.length === 0) return say.ok(check, "the schema is this version's");
      const pending = state.pending.join(', ');
      if (mayMigrate)
        return say.note(check, `the next start applies migration ${pending}`, 'make a backup before it');
      return say.off(
        check,
        `migration ${pending} is to be applied, and this role may not`,
        TO_CHANGE_TABLES,
        EVERYTHING,
      );
    }
    case 'compatible':
      return say.note(
        check,
        `a newer version has applied migration ${state.migration}; this one serves beside it`,
        'bring all replicas to the newer version',
      );
    case 'newer':
      return say.off(
        check,
        `a newer version has applied migration ${state.migration}`,
        'run the version that last served from it, or a newer one',
        EVERYTHING,
      );
    case 'changed':
      return say.off(
        check,
        `migration ${state.migration} is not the one that was applied`,
        'run the version that last served from it; released migrations never change',
        EVERYTHING,
      );
    case 'foreign':
      return say.off(
        check,
        `${place} has a table schema_migrations of another program`,
        'give sealslot a database, or a schema by search_path, of its own',
        EVERYTHING,
      );
    case 'moved':
      return say.off(
        check,
        state.reason.replace(/\.$/, ''),
        'docs/migrate-store.md says how to go on, and how back',
        EVERYTHING,
      );
    case 'damaged':
      return say.unsafe(
        check,
        `damaged: ${state.complaint}`,
        'stop the service, and bring the store back from a backup',
      );
    case 'unreadable':
      return say.off(
        check,
        `they cannot be read: ${state.reason}`,
        'grant this role the rights that docs/postgres.md names',
        EVERYTHING,
      );
  }
}

function rights({ missingRights }: ServerFacts): Finding {
  if (missingRights.length === 0) return say.ok('store.rights', 'the role may read and write all tables');
  return say.off(
    'store.rights',
    `the role lacks ${missingRights.join(', ')}`,
    'grant this role the rights that docs/postgres.md names',
    EVERYTHING,
  );
}

/** What loses acknowledged slots, and with them keys, when the server or its machine crashes. */
export function* examineDurability(server: DurabilityFacts): Generator<Finding> {
  const off = [
    ...(server.fsync ? [] : ['fsync']),
    ...(server.fullPageWrites ? [] : ['full_page_writes']),
    ...(server.synchronousCommit === 'off' ? ['synchronous_commit'] : []),
  ];
  for (const name of off)
    yield say.unsafe(
      'store.synced',
      `${name} is off: a crash of the server loses keys of objects that are there`,
      `set ${name} = on, and take no cluster that ran without for whole before its next backup was restored and examined`,
    );
  if (off.length === 0)
    yield say.ok(
      'store.synced',
      `fsync and full_page_writes are on, synchronous_commit is ${server.synchronousCommit}`,
    );
}

function standby({ synchronousStandbys, standbysInSync, synchronousCommit }: ServerFacts): Finding {
  const check = 'store.standby';
  const remedy =
    'set synchronous_standby_names, or keep the disk of the one server as safe as the keys must be';
  if (synchronousStandbys === '')
    return say.note(check, 'none: the loss of the one disk loses acknowledged slots', remedy);
  if (synchronousCommit === 'local')
    return say.note(
      check,
      `synchronous_commit is local for this role: no commit waits for ${synchronousStandbys}`,
      'set it to on for this role',
    );
  if (standbysInSync === 0)
    return say.note(
      check,
      `${synchronousStandbys} is named, and none is connected: commits wait, and end in 503`,
      'bring the standby back, or take it out of synchronous_standby_names',
    );
  const connected = standbysInSync === undefined ? '' : `; connected now: ${standbysInSync}`;
  return say.ok(check, `commits wait for ${synchronousStandbys}${connected}`);
}

function connections({ maxConnections, replicas }: ServerFacts, pool: number): Finding {
  const check = 'store.connections';
  const serving = Math.max(replicas, 1);
  const found = `${serving} replica${serving === 1 ? '' : 's'} of up to ${pool} connections, ${maxConnections} allowed`;
  if (serving * pool + SPARE_CONNECTIONS <= maxConnections) return say.ok(check, found);
  return say.note(check, found, 'raise max_connections, or lower store.pool.max');
}

function clock({ clock: { aheadMilliseconds, uncertainty } }: ServerFacts): Finding {
  const check = 'store.clock';
  const apart = Math.max(0, Math.abs(aheadMilliseconds) - uncertainty);
  if (apart <= CLOCK_NOTE_MS) return say.ok(check, 'as this machine’s');
  const [seconds, way] = [(apart / 1000).toFixed(1), aheadMilliseconds > 0 ? 'ahead of' : 'behind'];
  return say.note(check, `${seconds} s ${way} this machine’s`, 'let both keep time by NTP');
}
