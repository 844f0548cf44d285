import { Type } from 'typebox';
import { DEFAULTS } from '../defaults.ts';
import { byKind, file, map, optional, text } from './nodes.ts';

const DEFAULT = DEFAULTS.postgres;
const PORT = { minimum: 1, maximum: 65_535 };
/** An hour: more is a mistake in the unit. */
const MILLISECONDS = { minimum: 1, maximum: 3_600_000 };

const Sqlite = map({
  kind: Type.Literal('sqlite', { description: 'One file, one serving process.' }),
  path: file({
    description: 'The database file; its folder must exist, on a local disk that keeps what was synced.',
  }),
});

const Tls = map(
  {
    mode: optional(
      Type.Enum(['verify-full', 'disable'] as const, {
        default: DEFAULT.tls.mode,
        description:
          'As libpq has it: `verify-full` demands TLS and a certificate for that host. `disable` only where nothing leaves the machine: hosts on loopback. A Unix socket has no TLS in any case.',
      }),
    ),
    caFile: optional(
      file({ description: 'PEM certificates of the CAs to trust, in place of the usual ones.' }),
    ),
    certFile: optional(
      file({ description: 'A PEM certificate to log in with, where the server asks for one (`cert`).' }),
    ),
    keyFile: optional(file({ description: 'The private key of that certificate, PEM, without a password.' })),
  },
  { description: 'How the connections are protected. Wrapped keys and hashes of API keys travel over them.' },
);

const Postgres = map({
  kind: Type.Literal('postgres', {
    description:
      'PostgreSQL 14 or later, for any number of serving processes: [PostgreSQL](postgres.md). Needs the package `pg`.',
  }),
  host: Type.Unsafe<string | string[]>({
    type: ['string', 'array'],
    minLength: 1,
    minItems: 1,
    items: { type: 'string', minLength: 1 },
    description:
      'A name, an address, or the folder of a Unix socket. Of several, each new connection tries one after the other until it finds one that takes writes: so the service follows a failover.',
  }),
  port: optional(
    Type.Unsafe<number | number[]>({
      type: ['integer', 'array'],
      ...PORT,
      minItems: 1,
      items: { type: 'integer', ...PORT },
      default: DEFAULT.port,
      description: 'One for all hosts, or as many as there are hosts.',
    }),
  ),
  database: text({
    description: 'The name of the database. It must exist; the first start makes the tables.',
  }),
  user: text({ description: 'The role to log in as.' }),
  password: optional(
    Type.String({
      writeOnly: true,
      description:
        'Its password. For the environment; in a file, `passwordFile` keeps it apart. Neither where the server asks for none (`peer`, `cert`).',
    }),
  ),
  passwordFile: optional(
    file({ description: 'A file that holds the password; read for each new connection, so it may change.' }),
  ),
  tls: optional(Tls),
  pool: optional(
    map(
      {
        max: optional(
          Type.Integer({
            minimum: 1,
            maximum: 1000,
            default: DEFAULT.pool.max,
            description:
              'The most connections of one process. All replicas together must stay below `max_connections`.',
          }),
        ),
      },
      { description: 'The connections of one process.' },
    ),
  ),
  timeouts: optional(
    map(
      {
        connectMilliseconds: optional(
          Type.Integer({
            ...MILLISECONDS,
            default: DEFAULT.timeouts.connectMilliseconds,
            description: 'For a new connection to one host, and for a turn at one of the pool.',
          }),
        ),
        lockMilliseconds: optional(
          Type.Integer({
            ...MILLISECONDS,
            default: DEFAULT.timeouts.lockMilliseconds,
            description: 'For a row or table that another transaction holds.',
          }),
        ),
        statementMilliseconds: optional(
          Type.Integer({
            ...MILLISECONDS,
            default: DEFAULT.timeouts.statementMilliseconds,
            description: 'For one statement, by the clock of the server, which ends it then.',
          }),
        ),
        callMilliseconds: optional(
          Type.Integer({
            ...MILLISECONDS,
            default: DEFAULT.timeouts.callMilliseconds,
            description:
              'For all statements of one transaction, by the clock of the service: also when the server is gone without a word. Longer than `statementMilliseconds`.',
          }),
        ),
      },
      { description: 'After these a request gets 503 with `Retry-After`.' },
    ),
  ),
});

export const Store = byKind(
  { description: 'Slots and wrapped keys. Whoever loses it loses the objects: back it up.' },
  Sqlite,
  Postgres,
);
