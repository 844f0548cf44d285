import type { StoreConfig } from '../config/config.ts';
import type { KekUse } from './port.ts';

/** What can be told of a store from beside it, without creating, migrating or changing it. */
export type StoreInspection = FileInspection | ServerInspection;

interface Inspected {
  readonly state: StoreState;
  /** Living keys by what wraps them; `undefined` unless the store is sound and its schema is this version's. */
  readonly usage: readonly KekUse[] | undefined;
}

/** A store in a file, of SQLite. */
export interface FileInspection extends Inspected {
  readonly kind: 'sqlite';
  /** Symbolic links followed. */
  readonly path: string;
  /** A serving process holds it now. */
  readonly served: boolean;
  /**
   * Why no database of the same kind could be made, committed to disk and removed in the store's folder: `ENOSPC`, `EDQUOT`, `EROFS`,
   * `EACCES` or other words; `undefined` when all of that worked.
   */
  readonly writeFailure: string | undefined;
}

/** A store in a database of a server, of PostgreSQL. */
export interface ServerInspection extends Inspected {
  readonly kind: 'postgres';
  /** Such as `the database "sealslot" at db.example.com:5432`. */
  readonly place: string;
  /** `undefined` when the server could not be asked; `state` then says why. */
  readonly server: ServerFacts | undefined;
}

/** What a server says of itself to a session like the service's own. */
export interface ServerFacts {
  /** How long it took to connect and log in, in milliseconds. */
  readonly connectMilliseconds: number;
  /** `undefined` without TLS. With it, the certificate has been verified. */
  readonly tls: { readonly protocol: string; readonly cipher: string } | undefined;
  /** A Unix socket or loopback: nothing leaves the machine. */
  readonly isLocal: boolean;
  /** As `server_version_num`: 150018 is 15.18. */
  readonly version: number;
  /** A standby, or a primary that has not finished its recovery. */
  readonly isInRecovery: boolean;
  /** What a new transaction of this role is by default. */
  readonly isReadOnly: boolean;
  readonly fsync: boolean;
  readonly fullPageWrites: boolean;
  /** Of a session as the service opens it. */
  readonly synchronousCommit: string;
  /** `synchronous_standby_names`; empty without one. */
  readonly synchronousStandbys: string;
  /** Those that a commit waits for now; `undefined` when this role may not see them. */
  readonly standbysInSync: number | undefined;
  readonly autovacuum: boolean;
  /** `max_connections` less those kept for superusers; where the role or the database has a lower limit, that. */
  readonly maxConnections: number;
  /** Serving processes that are connected now. */
  readonly replicas: number;
  /** The server's clock less this one's, in milliseconds, and how far off that may be: half of the round trip. */
  readonly clock: { readonly aheadMilliseconds: number; readonly uncertainty: number };
  /** Rights that the role lacks for serving: `INSERT on uploads`. */
  readonly missingRights: readonly string[];
  /** Whether the role may make and change tables, as a migration does. */
  readonly mayMigrate: boolean;
}

export type StoreState =
  /** Made at the first start. */
  | { readonly kind: 'absent' }
  /** `pending` names the migrations that the next start applies; `applied` is how many there are already. */
  | { readonly kind: 'sound'; readonly applied: number; readonly pending: readonly string[] }
  /** A newer version has applied this migration, which lets this version serve beside it. */
  | { readonly kind: 'compatible'; readonly migration: number }
  /** A newer version has applied this migration. */
  | { readonly kind: 'newer'; readonly migration: number }
  /** This migration is not the one that was applied. */
  | { readonly kind: 'changed'; readonly migration: string }
  /** Another program's file, or a database with another program's tables. */
  | { readonly kind: 'foreign' }
  /** Of a move that has ended, this is the old store; or one of the two of a move that has not. */
  | { readonly kind: 'moved'; readonly reason: string }
  | { readonly kind: 'damaged'; readonly complaint: string }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Rejects only for a defect of its own: what is wrong with the store is in the answer. */
export type InspectStore = (store: StoreConfig) => Promise<StoreInspection>;
