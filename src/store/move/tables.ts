/** A table, and the columns that tell its rows apart. */
export interface MovedTable {
  readonly name: string;
  readonly key: readonly string[];
}

/** In an order in which each row comes after those that it refers to. */
export const MOVED_TABLES: readonly MovedTable[] = [
  { name: 'retired_keks', key: ['wrapper_id', 'kek_id'] },
  { name: 'intermediate_keys', key: ['id'] },
  { name: 'api_keys', key: ['id'] },
  { name: 'grants', key: ['id'] },
  { name: 'idempotency', key: ['id'] },
  { name: 'uploads', key: ['id'] },
  { name: 'keys', key: ['upload_id', 'generation'] },
  { name: 'outbox', key: ['seq'] },
  { name: 'announced', key: ['tenant', 'principal', 'day'] },
];

/** By table of a SQLite store, why its rows are left behind. */
export const NOT_MOVED: Readonly<Record<string, string>> = {
  schema_migrations: 'each store has its own schema',
  serving: 'it names the processes that serve, and none does',
  replicas: 'it names the processes that serve, and none does',
  leases: 'whoever held one has ended',
  wrapped_keys: 'its bytes stand in the rows of the keys they belong to',
  store_move: 'each store has its own',
};
