import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.ts';

const WIDTH = 80;

/** The front page of the help, as `sealslot --help` prints it. */
export function help(): string {
  return block(sealslot());
}

/** Every command's help under a heading of its own. */
export function commands(): string {
  return leaves(sealslot())
    .map((command) => `## ${nameOf(command)}\n\n${block(command)}`)
    .join('\n\n');
}

/** Without an environment: help must not differ from one machine to the next. */
function sealslot(): Command {
  return createProgram({}, () => undefined);
}

function leaves(command: Command): Command[] {
  return command.commands.flatMap((one) => (one.commands.length > 0 ? leaves(one) : [one]));
}

function nameOf(command: Command): string {
  const parent = command.parent ? `${nameOf(command.parent)} ` : '';
  return `${parent}${command.name()}`;
}

function block(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => (text += part),
    getOutHelpWidth: () => WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return `\`\`\`text\n${text.trim().replace(/[ \t]+$/gm, '')}\n\`\`\``;
}
