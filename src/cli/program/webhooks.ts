import { Option, type Command } from 'commander';
import { MESSAGE_STATES } from '../../store/port.ts';
import type { ListOptions, ReplayOptions } from '../webhooks.ts';
import { CONFIG_HELP, type Environment, type Finish } from './parts.ts';

/** The outbox: what waits, what was given up, and sending it again. */
export function addWebhookCommands(program: Command, env: Environment, finish: Finish): void {
  const webhooks = program
    .command('webhooks')
    .summary('see messages to webhooks, and send them again')
    .description('Shows messages to webhooks and sends them again, also beside a running service.')
    .addHelpText('after', CONFIG_HELP);
  webhooks
    .command('list')
    .description(
      'Lists messages, the newest first: pending, delivered (kept for 7 days), or dead, which were given up.',
    )
    .option('--tenant <name>', 'only those of this tenant')
    .addOption(new Option('--state <state>', 'only those in this state').choices(MESSAGE_STATES))
    .option('--json', 'print one JSON line per message')
    .action(async (options: ListOptions) =>
      finish(await (await import('../webhooks.ts')).listMessages(options, env)),
    );
  webhooks
    .command('replay')
    .description(
      'Has messages sent again that were delivered or given up, and now those that wait for their next attempt; ' +
        'a running service sends them soon.',
    )
    .argument('[ids...]')
    .option('--dead', 'all that were given up')
    .option('--tenant <name>', 'with --dead: only those of this tenant')
    .addHelpText(
      'after',
      `
Exit codes: 0 all of them; 1 there is no message of some ids; 78 the configuration
is wrong.${CONFIG_HELP}`,
    )
    .action(async (ids: string[], options: ReplayOptions) =>
      finish(await (await import('../webhooks.ts')).replayMessages(ids, options, env)),
    );
}
