import { KeyRefused } from '../custody/errors.ts';
import { DependencyUnavailable, KeyUnusable, SealslotError } from '../errors.ts';

/** Another process (or this one) already serves from this store; or, where nobody else may have it open, has it open. */
export class StoreLocked extends SealslotError {
  readonly code = 'store_locked';

  constructor(path: string, who = 'serving process') {
    super(`The store ${path} is in use by another ${who}; stop that one first.`, {
      extra: { path },
    });
  }
}

/** A command that works on what is there found no store. */
export class StoreAbsent extends SealslotError {
  readonly code = 'store_absent';

  /** @param setting that says where the store is: `store.path`. */
  constructor(place: string, setting: string) {
    super(`There is no store at ${place}; let ${setting} name the one that the service uses.`, {
      extra: { place },
    });
  }
}

/** The intermediate key that a key was just wrapped under has been destroyed meanwhile; wrapped again it gets another. */
export class IntermediateGone extends DependencyUnavailable {
  constructor(id: string) {
    super('custody', undefined, `The intermediate key ${id} has been destroyed meanwhile; try again.`);
  }
}

/** A process wraps under a KEK that `sealslot kek retire` has taken out of use: it holds another KEK file than the operator. */
export class KekRetired extends KeyUnusable {
  constructor(wrapperId: string, kekId: string) {
    const cause = new KeyRefused(
      `${kekId} of "${wrapperId}" has been retired; see whether this process reads the KEK file that was rotated.`,
      { refusal: 'kek_disabled' },
    );
    super('The KEK that wraps new keys here has been retired.', { cause });
  }
}

/** The store's schema is not one this version made: a migration was changed after it was applied, or a newer version made it. */
export class StoreSchemaRefused extends SealslotError {
  readonly code = 'store_schema_refused';
}

/** The store has been moved to another database, or is on its way there: what was written here would be missing there. */
export class StoreMoved extends SealslotError {
  readonly code = 'store_moved';
}

/** The store is the target of a move that is not finished: it lacks slots, or holds some that are not what they were. */
export class StoreUnfinished extends SealslotError {
  readonly code = 'store_unfinished';
}

/** A store cannot be moved from here, or to there; nothing was done. */
export class MoveRefused extends SealslotError {
  readonly code = 'move_refused';
}
