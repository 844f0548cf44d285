import type { Clock } from '../../../clock.ts';
import type { Secret } from '../../../secret.ts';

export interface PostgresStoreOptions {
  readonly host: string;
  readonly port: number;
  /** Tried in turn after that one, until one takes writes. */
  readonly others?: readonly { readonly host: string; readonly port: number }[];
  readonly database: string;
  readonly user: string;
  readonly password?: Secret | undefined;
  /** In its place: read for each new connection. */
  readonly passwordFile?: string | undefined;
  /** `undefined`: without TLS. The server's certificate is verified, against `ca` (PEM) or the roots that Node trusts. */
  readonly tls:
    | {
        readonly ca: string | undefined;
        /** What to log in with where the server asks for a certificate: PEM. */
        readonly client?: { readonly cert: string; readonly key: Secret } | undefined;
      }
    | undefined;
  /** How many connections at most; the others wait, `connectMs` at most. */
  readonly connections: number;
  readonly timeouts: PostgresTimeouts;
  /** Whether a server that takes no writes will do. */
  readonly mayBeReadOnly?: boolean;
  /** What the server shows of this process in `pg_stat_activity`. */
  readonly applicationName?: string;
  readonly now?: Clock;
}

/** Milliseconds. */
export interface PostgresTimeouts {
  /** To get a connection: a new one, or one that another call gives back. */
  readonly connectMs: number;
  /** One statement, by the server's clock. */
  readonly statementMs: number;
  /** Waiting for one lock, by the server's clock. */
  readonly lockMs: number;
  /** All that one call asks, by our clock: also when the server's host has vanished. Longer than `statementMs`. */
  readonly wholeMs: number;
  /** A connection that nobody has used for this long is closed. */
  readonly idleMs: number;
}

export const DEFAULT_TIMEOUTS: PostgresTimeouts = {
  connectMs: 2_000,
  statementMs: 5_000,
  lockMs: 2_000,
  wholeMs: 8_000,
  idleMs: 60_000,
};

export const DEFAULT_CONNECTIONS = 10;
