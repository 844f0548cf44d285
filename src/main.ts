import { CommanderError } from 'commander';
import { EX_CONFIG, EX_TEMPFAIL, EX_USAGE, explain, UsageError } from './cli/command.ts';
import { createProgram } from './cli/program.ts';
import { ConfigErrors, formatMistakes } from './config/errors.ts';
import { KekFileInvalid, KeyRefused, PackageMissing } from './custody/errors.ts';
import { DependencyUnavailable } from './errors.ts';
import { MoveRefused, StoreAbsent, StoreMoved, StoreSchemaRefused, StoreUnfinished } from './store/errors.ts';

/** What `explain` says of these is for whoever wrote the configuration. */
const WRONG_CONFIGURATION = [
  ...[KekFileInvalid, KeyRefused, PackageMissing],
  ...[MoveRefused, StoreAbsent, StoreMoved, StoreSchemaRefused, StoreUnfinished],
];

const program = createProgram(process.env, (exitCode) => {
  process.exitCode = exitCode;
});

// Whoever reads our output may go away (`| head`): what was begun is still brought to its end.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // It has written what it had to say.
    process.exitCode = error.exitCode === 0 ? 0 : EX_USAGE;
  } else if (error instanceof ConfigErrors) {
    process.stderr.write(`The configuration cannot be used; nothing was started.\n${formatMistakes(error)}`);
    process.exitCode = EX_CONFIG;
  } else if (error instanceof UsageError) {
    process.stderr.write(`error: ${error.message}\n(--help lists what there is)\n`);
    process.exitCode = EX_USAGE;
  } else {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): number {
  if (WRONG_CONFIGURATION.some((kind) => error instanceof kind)) return EX_CONFIG;
  // A service is started again by its supervisor, whatever it ended by.
  return error instanceof DependencyUnavailable && program.args[0] !== 'serve' ? EX_TEMPFAIL : 1;
}
