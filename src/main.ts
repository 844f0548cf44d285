#!/usr/bin/env node
import { apiKey } from './cli/api-key.ts';
import { init } from './cli/init.ts';
import { serve } from './cli/serve.ts';
import { EX_CONFIG, EX_USAGE, explain, UsageError, type Command } from './cli/command.ts';
import { ConfigErrors, formatMistakes } from './config/errors.ts';
import { KekFileInvalid } from './custody/errors.ts';

const commands: Readonly<Record<string, Command>> = { serve, init, 'api-key': apiKey };

const USAGE = `usage: sealslot <command>

  serve                        answer requests until SIGTERM; SIGHUP reloads
  init [--kek-file FILE]       make a key-encryption key file (default kek.json)
  api-key create --tenant T --name N --scopes A,B [--expires RFC3339]
  api-key list
  api-key revoke ID

The configuration is sealslot.yaml, or the file that SEALSLOT_CONFIG names.
`;

const [name = '', ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (command === undefined) {
  process.stderr.write(USAGE);
  process.exitCode = name === 'help' || name === '--help' ? 0 : EX_USAGE;
} else {
  try {
    process.exitCode = await command(args, process.env);
  } catch (error) {
    if (error instanceof ConfigErrors) {
      process.stderr.write(
        `The configuration cannot be used; nothing was started.\n${formatMistakes(error)}`,
      );
      process.exitCode = EX_CONFIG;
    } else if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n\n${USAGE}`);
      process.exitCode = EX_USAGE;
    } else {
      process.stderr.write(`${explain(error)}\n`);
      process.exitCode = error instanceof KekFileInvalid ? EX_CONFIG : 1;
    }
  }
}
