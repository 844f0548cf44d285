import { SealslotError } from '../errors.ts';

/** Another process (or this one) already serves from this store. */
export class StoreLocked extends SealslotError {
  readonly code = 'store_locked';

  constructor(path: string) {
    super(`The store ${path} is in use by another serving process; stop that one first.`, {
      extra: { path },
    });
  }
}

/** The store's schema is not one this version made: a migration was changed after it was applied, or a newer version made it. */
export class StoreSchemaRefused extends SealslotError {
  readonly code = 'store_schema_refused';
}
