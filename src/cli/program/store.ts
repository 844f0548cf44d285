import { InvalidArgumentError, type Command } from 'commander';
import type { MigrateStoreOptions } from '../migrate-store.ts';
import { CONFIG_HELP, count, type Environment, type Finish } from './parts.ts';

/** A store on one machine becomes one for many. */
export function addStoreCommands(program: Command, env: Environment, finish: Finish): void {
  program
    .command('migrate-store')
    .summary('move the store from SQLite to PostgreSQL')
    .description(
      'Copies the SQLite store of the configuration into the PostgreSQL store of another one, compares every row, and opens keys in both. ' +
        'Stop the service first. Run it again to go on after an end, however it came. The file stays as it is, but opens no more.',
    )
    .option('--to <file>', 'the configuration of the replicas, whose store is of the kind `postgres`')
    .option(
      '--sample <count>',
      'so many keys, chosen at random, are opened in both stores; or `all`',
      sample,
      100,
    )
    .option('--back', 'open the file again: of an unfinished move, or with --to while nothing new is there')
    .option('--dry-run', 'only say what would be copied, also beside the service')
    .option('--json', 'print one JSON line at the end')
    .addHelpText(
      'after',
      `
SEALSLOT_STORE__… variables count for the old configuration alone.
Exit codes: 0 moved, now or before; 1 the stores differ, and the first rows are
named; 64 wrong usage; 75 the store is in use, or PostgreSQL does not answer; 78
a configuration is wrong, or the database is not empty; 130 interrupted.${CONFIG_HELP}`,
    )
    .action(async (options: MigrateStoreOptions) =>
      finish(await (await import('../migrate-store.ts')).migrateStore(options, env)),
    );
}

function sample(text: string): number | 'all' {
  if (text === 'all') return text;
  try {
    return count(1_000_000)(text);
  } catch {
    throw new InvalidArgumentError('It must be a whole number from 1 to 1000000, or all.');
  }
}
