import { DependencyUnavailable, SealslotError } from '../errors.ts';
import { remedyOf } from '../store/adapters/postgres/errors.ts';

/** sysexits.h */
export const EX_USAGE = 64;
export const EX_DATAERR = 65;
export const EX_NOINPUT = 66;
export const EX_TEMPFAIL = 75;
export const EX_NOPERM = 77;
export const EX_CONFIG = 78;
/** Serving would lose or leak keys. */
export const EXIT_UNSAFE = 2;

/** Ended by Ctrl-C, as a shell says it: 128 and the number of SIGINT. */
export const EXIT_INTERRUPTED = 130;

export class UsageError extends Error {}

export function configPath(env: NodeJS.ProcessEnv): string {
  return env.SEALSLOT_CONFIG ?? 'sealslot.yaml';
}

/** Aborted by SIGTERM or SIGINT, which is then its reason. A second one ends the process at once. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(name));
  return stop.signal;
}

/** An error for the terminal: ours in their own words, with their causes' codes; others by message. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown failure';
  if ('code' in error && error.code === 'EADDRINUSE') {
    return `sealslot: ${error.message}: another process listens there; change listen.port or admin.port.`;
  }
  const code = error instanceof SealslotError ? ` (${error.code})` : '';
  const cause = error.cause instanceof Error ? `\n  because: ${error.cause.message}` : '';
  const remedy = error instanceof DependencyUnavailable ? remedyOf(error) : undefined;
  const advice = remedy === undefined ? '' : `\n  do: ${remedy}; \`sealslot doctor\` tells more`;
  return `sealslot: ${error.message}${code}${cause}${advice}`;
}
