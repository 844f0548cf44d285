import type { Command } from 'commander';
import type { AuditOptions } from '../audit.ts';
import type { ExportOptions } from '../export.ts';
import type { RecoverOptions } from '../recover.ts';
import { CONFIG_HELP, count, type Environment, type Finish } from './parts.ts';

/** The commands for the day when something is lost, and for seeing in time that nothing is. */
export function addRecoveryCommands(program: Command, env: Environment, finish: Finish): void {
  program
    .command('audit')
    .summary('compare the keys in the store with KEKs and S3')
    .description(
      'Looks for keys that do not open, objects without keys, keys without objects, and recovery copies that are not as they ' +
        'should be. It changes nothing, and may run beside the service.',
    )
    .option('--tenant <name>', 'only this tenant')
    .option('--sample <count>', 'so many slots and object versions, chosen at random', count(100_000))
    .option('--parallel <count>', 'how many to look at at once', count(64), 8)
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
Exit codes: 0 all right, or only notes; 1 something is wrong; 64 wrong usage; 75
S3, a KEK or the store did not answer, and nothing else is wrong; 78 the
configuration is wrong; 130 interrupted.${CONFIG_HELP}`,
    )
    .action(async (options: AuditOptions) =>
      finish(await (await import('../audit.ts')).auditKeys(options, env)),
    );
  program
    .command('recover')
    .summary('make a lost store anew from the copies in S3')
    .description(
      'Makes slots and their keys anew from the copies that objects carry in their tags, and intermediate keys from the recovery bucket; ' +
        'each is proven by S3. It needs custody.recovery and the KEKs. Slots that are there stay as they are, so it may be run again.',
    )
    .option('--tenant <name>', 'only this tenant')
    .option('--dry-run', 'store nothing')
    .option('--json', 'print one JSON line per object instead of a table')
    .addHelpText(
      'after',
      `
Exit codes: 0 all recovered, now or before; 1 some are not, and the report says
why; 75 try again later; 78 the configuration is wrong; 130 interrupted.${CONFIG_HELP}`,
    )
    .action(async (options: RecoverOptions) =>
      finish(await (await import('../recover.ts')).recover(options, env)),
    );
  program
    .command('export')
    .summary('write all keys into one encrypted file for a safe')
    .description(
      'Writes the keys of all slots into one age file (https://age-encryption.org), for recipients whose identity can stay in the safe, ' +
        'or for a passphrase. `sealslot import --keys` restores the slots from it, under another KEK too.',
    )
    .requiredOption('--output <file>', 'where to write it; never overwritten')
    .option(
      '--recipient <recipient>',
      'age1…, as age-keygen prints it; may be repeated',
      (recipient: string, earlier: string[] | undefined) => [...(earlier ?? []), recipient],
    )
    .option('--passphrase-file <file>', 'a file that holds the passphrase, in place of recipients')
    .option('--tenant <name>', 'only its keys')
    .addHelpText(
      'after',
      `
Whoever opens the file has every key. age or rage decrypts it too: one JSON line
per key.
Exit codes: 0 all are in it; 1 some did not open, and the first are named, or
there are no keys, and no file is written; 66 a file cannot be read or written; 75 try again later; 78 the configuration is wrong;
130 interrupted.${CONFIG_HELP}`,
    )
    .action(async (options: ExportOptions) =>
      finish(await (await import('../export.ts')).exportToFile(options, env)),
    );
}
