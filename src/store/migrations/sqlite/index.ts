import { sql as initial } from './0001-initial.ts';
import { sql as custody } from './0002-custody.ts';
import { sql as methodsAndOutbox } from './0003-methods-and-outbox.ts';
import { sql as grants } from './0004-grants.ts';
import { sql as quotas } from './0005-quotas.ts';
import { sql as replicas } from './0006-replicas.ts';

export interface Migration {
  readonly id: number;
  readonly name: string;
  readonly sql: string;
}

/** In order, without gaps. An entry never changes once released: its checksum is recorded in every store it was applied to. */
export const MIGRATIONS: readonly Migration[] = [
  { id: 1, name: 'initial', sql: initial },
  { id: 2, name: 'custody', sql: custody },
  { id: 3, name: 'methods-and-outbox', sql: methodsAndOutbox },
  { id: 4, name: 'grants', sql: grants },
  { id: 5, name: 'quotas', sql: quotas },
  { id: 6, name: 'replicas', sql: replicas },
];
