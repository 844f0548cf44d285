import { parseArgs, type ParseArgsConfig } from 'node:util';
import { SealslotError } from '../errors.ts';

/** One command of the command line. @returns the exit code. */
export type Command = (args: readonly string[], env: NodeJS.ProcessEnv) => Promise<number>;

/** sysexits.h */
export const EX_USAGE = 64;
export const EX_CONFIG = 78;

export class UsageError extends Error {}

export function configPath(env: NodeJS.ProcessEnv): string {
  return env.SEALSLOT_CONFIG ?? 'sealslot.yaml';
}

export function readOptions<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'unknown option', { cause: error });
  }
}

/** An error for the terminal: ours in their own words, with their causes' codes; others by message. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown failure';
  if ('code' in error && error.code === 'EADDRINUSE') {
    return `sealslot: ${error.message}: another process listens there; change listen.port or admin.port.`;
  }
  const code = error instanceof SealslotError ? ` (${error.code})` : '';
  const cause = error.cause instanceof Error ? `\n  because: ${error.cause.message}` : '';
  return `sealslot: ${error.message}${code}${cause}`;
}
