import { CODES } from '../../src/http/codes.ts';
import { code, table } from './markdown.ts';

export interface OperatorText {
  /** Where it is met: the log, or the command that it ends. */
  readonly where: string;
  readonly means: string;
  readonly do: string;
}

/** The codes that never reach a client. They have no status, so they are apart from `CODES`; a test compares both with the error classes. */
export const OPERATOR_CODES: Readonly<Record<string, OperatorText>> = {
  key_not_mine: {
    where: 'log',
    means:
      'The key was wrapped by a wrapper that is not in `custody.wrappers`, or under a KEK that it does not hold',
    do: 'Bring that wrapper or KEK back; `sealslot kek status` says what needs it',
  },
  key_refused: {
    where: 'log',
    means:
      'The wrapped key is damaged, or its row was moved or edited; or the keeper of the KEK refuses (`refusal`)',
    do: 'By `refusal`: grant the right, enable the KEK or cancel its deletion; for `not_authentic` restore the row, and find out who changed it',
  },
  kek_file_invalid: {
    where: 'start',
    means: 'The KEK file is missing, malformed or readable by others',
    do: 'What the message says',
  },
  host_unfit: {
    where: 'the Fastify plugin',
    means: 'The application, or what it passes to the plugin, does not fit',
    do: 'What the message says',
  },
  unsafe_to_serve: {
    where: 'the Fastify plugin',
    means:
      'Serving would lose or leak keys: what `serve` refuses with exit code 2; `findings` has the reasons',
    do: 'What the message says; `sealslot doctor` says more',
  },
  kek_file_exists: {
    where: '`init`',
    means: 'There is a KEK file already; it is never overwritten',
    do: 'Keep it',
  },
  key_file_invalid: {
    where: '`import --keys`',
    means: 'The file of keys is not one, is damaged or breaks off, or nothing given opens it',
    do: 'Use another copy of it; what was restored before stays',
  },
  rekey_failed: {
    where: 'log, `rekey`',
    means:
      'What was written anew, or what it was written from, is not in S3 as it should be; both keys are kept',
    do: 'Nothing at first: it is tried again every hour. Then look at the object in S3, and at `sealslot audit`',
  },
  object_refused: {
    where: 'log, `rekey`',
    means: 'S3 says no to reading or writing an object: absent, under another key, or a right is missing',
    do: 'Look at the status in the message, and at `sealslot doctor`',
  },
  bucket_refused: {
    where: '`cors apply`',
    means:
      'S3 says no to reading or setting the CORS rules of a bucket: a right is missing, or it has no such rules',
    do: 'What the command says',
  },
  package_missing: {
    where: 'start',
    means: 'A package that only this configuration needs is not installed',
    do: 'Install it, as the message says',
  },
  store_locked: {
    where: 'start',
    means: 'Another process serves from this database',
    do: 'End that one first',
  },
  store_absent: {
    where: '`rewrap`, `audit` and the like',
    means: 'There is no store at `store.path`',
    do: 'Correct the path; `recover` and `import` make a store where one was lost',
  },
  store_schema_refused: {
    where: 'start',
    means: 'The file is no database, a newer version made it, or a migration was changed',
    do: 'Correct `store.path`, or run the version that made it',
  },
  store_moved: {
    where: 'start',
    means: 'The file has been moved to PostgreSQL, or is on its way there',
    do: 'Serve from there, or finish the move; [back again](migrate-store.md#back-again)',
  },
  store_unfinished: {
    where: 'start',
    means: 'A store is being moved to this database, and the move has not ended',
    do: 'Run `sealslot migrate-store` again, or use an empty database',
  },
  move_refused: {
    where: '`migrate-store`',
    means: 'A store cannot be moved to this database: it is not empty, holds another move, or is served from',
    do: 'What the message says',
  },
  invalid_configuration: {
    where: 'start, reload',
    means: 'Mistakes in the configuration, all listed',
    do: 'Correct them; after a reload the old configuration is still in force',
  },
};

export function codes(): string {
  const rows = Object.entries(CODES).map(([name, text]) => [
    code(name),
    String(text.status),
    text.retry,
    text.means,
    text.do,
  ]);
  return table(['code', 'status', 'retry', 'means', 'do'], rows);
}

export function operatorCodes(): string {
  const rows = Object.entries(OPERATOR_CODES).map(([name, text]) => [
    code(name),
    text.where,
    text.means,
    text.do,
  ]);
  return table(['name', 'where', 'means', 'do'], rows);
}
