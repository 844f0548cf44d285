import type { Command } from 'commander';
import type { RetireOptions, StatusOptions, WrapperOptions } from '../kek.ts';
import type { RekeyOptions } from '../rekey.ts';
import type { RewrapOptions } from '../rewrap.ts';
import type { ShredPeriodOptions } from '../shred-period.ts';
import { CONFIG_HELP, count, type Environment, type Finish } from './parts.ts';

/** The commands that look after keys. */
export function addCustodyCommands(program: Command, env: Environment, finish: Finish): void {
  addKek(program, env, finish);
  program
    .command('rewrap')
    .summary('move all keys under the current KEK')
    .description(
      'Wraps every key anew under the current wrapper and its newest KEK: new row, opened again before the old is dropped, then the ' +
        'copies in tags. Beside a running service too. Run it again to go on after an end.',
    )
    .requiredOption('--to <name>', 'the wrapper to move to; it must be custody.current')
    .option('--tenant <name>', 'only its keys')
    .option('--dry-run', 'count what would be moved')
    .option('--rate <count>', 'at most so many keys a second', count(1_000_000))
    .option('--json', 'print one JSON line at the end')
    .addHelpText(
      'after',
      `
\`sealslot kek status\` says afterwards what still needs each KEK.
Exit codes: 0 all moved; 1 some keys cannot be opened, and are named; 75 try
again later, also while upload URLs are out that carry older copies; 78 the
configuration is wrong; 130 interrupted.${CONFIG_HELP}`,
    )
    .action(async (options: RewrapOptions) =>
      finish(await (await import('../rewrap.ts')).rewrapKeys(options, env)),
    );
  program
    .command('rekey')
    .summary('write objects anew, each under a new customer key')
    .description(
      'Writes objects anew, each under a new customer key, one after the other, also beside a running service. A URL handed out ' +
        'before goes on to open what it opened only where the bucket keeps versions. Ctrl-C finishes the object in hand.',
    )
    .argument('[ids...]', 'of uploads')
    .requiredOption('--tenant <name>', 'the tenant they belong to')
    .option('--all', 'every uploaded object of the tenant, the newest first')
    .option('--before <id>', 'with --all: go on behind this one')
    .option('--json', 'print one JSON line per object instead of a summary')
    .addHelpText(
      'after',
      `
Exit codes: 0 all re-keyed; 1 some are not, and the report says why; 64 wrong
usage; 75 try again later; 78 the configuration is wrong; 130 interrupted.${CONFIG_HELP}`,
    )
    .action(async (ids: string[], options: RekeyOptions) =>
      finish(await (await import('../rekey.ts')).rekey(ids, options, env)),
    );
  program
    .command('shred-period')
    .summary('destroy the intermediate keys of a period')
    .description(
      'Wraps the keys that live anew under another intermediate key, then destroys those of the period: what was deleted opens ' +
        'nowhere any more, but for backups. Only with custody.hierarchy.',
    )
    .requiredOption('--tenant <name>', 'whose')
    .requiredOption('--period <period>', 'as 2026-11-23, 2026-11-23T14 or 2026-11, in UTC; it must be over')
    .option('--dry-run', 'say what would be done')
    .addHelpText(
      'after',
      `
Exit codes: 0 done; 1 something still needs one of them; 75 try again later; 78
the configuration is wrong; 130 interrupted.${CONFIG_HELP}`,
    )
    .action(async (options: ShredPeriodOptions) =>
      finish(await (await import('../shred-period.ts')).shred(options, env)),
    );
}

function addKek(program: Command, env: Environment, finish: Finish): void {
  const kek = program
    .command('kek')
    .summary('see, rotate and retire key-encryption keys')
    .description('Says what needs each key-encryption key (KEK); rotates and retires those in files.')
    .addHelpText('after', CONFIG_HELP);
  kek
    .command('status')
    .description('Lists all KEKs, what their keeper says of them, and what still needs each.')
    .option('--json', 'print one JSON line')
    .addHelpText(
      'after',
      `
Exit codes: 0 all usable, or not needed; 1 keys need one that is not, or a
wrapper is refused; 75 one is unknown, as its keeper does not answer, or the
store does not; 78 the configuration is wrong.${CONFIG_HELP}`,
    )
    .action(async (options: StatusOptions) => finish(await (await import('../kek.ts')).status(options, env)));
  kek
    .command('rotate')
    .description('Adds a fresh KEK to the file of a local wrapper; it wraps new keys from then on.')
    .requiredOption('--wrapper <name>', 'one of custody.wrappers')
    .addHelpText(
      'after',
      `
Exit codes: 0 done; 1 another change of the file is under way or was
interrupted; 64 wrong usage; 78 the configuration is wrong, or the file cannot
be written.${CONFIG_HELP}`,
    )
    .action(async (options: WrapperOptions) =>
      finish(await (await import('../kek.ts')).rotate(options, env)),
    );
  kek
    .command('retire')
    .description('Takes a KEK out of use. Refused, with exit code 1, while anything needs it.')
    .requiredOption('--wrapper <name>', 'one of custody.wrappers')
    .requiredOption('--kek <id>', 'as `kek status` names it')
    .addHelpText(
      'after',
      `
Exit codes: 0 done, or it may go with its wrapper; 1 something needs it, or its
file has just been changed; 64 wrong usage; 75 try again later; 78 the
configuration is wrong, or the file cannot be written.${CONFIG_HELP}`,
    )
    .action(async (options: RetireOptions) => finish(await (await import('../kek.ts')).retire(options, env)));
}
