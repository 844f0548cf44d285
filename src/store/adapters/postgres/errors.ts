import { DependencyUnavailable } from '../../../errors.ts';
import { remedyFor } from '../../remedies.ts';

/** What went wrong in the server or on the way to it. Of the server's answer only the message: the details quote values. */
class PostgresFailure extends Error {
  /** Five characters (Appendix A of PostgreSQL's manual); `undefined` when no server answered. */
  readonly sqlState: string | undefined;
  /** What the log keeps, where a message is not trusted: the server's five characters, Node's code, or a word of ours. */
  readonly code: string | undefined;

  constructor(message: string, sqlState: string | undefined, code: string | undefined) {
    super(message);
    this.name = 'PostgresFailure';
    this.sqlState = sqlState;
    this.code = code;
  }
}

/** What the driver, the pool and we say without a code. */
const CODES: Readonly<Record<string, string>> = {
  'timeout exceeded when trying to connect': 'pool_exhausted',
  'Connection terminated due to connection timeout': 'connect_timeout',
  'Connection terminated unexpectedly': 'connection_lost',
  'Query read timeout': 'call_timeout',
  'this server takes no writes now': 'read_only',
  'the server asks for a password, and none is configured': 'password_missing',
};

export function unavailable(error: unknown): DependencyUnavailable {
  const message = error instanceof Error ? error.message : String(error);
  return new DependencyUnavailable(
    'store',
    new PostgresFailure(message, serverCode(error), codeOf(error) ?? CODES[message]),
  );
}

/** What an operator may do about it; `undefined` when it is no failure of PostgreSQL or of the way there. */
export function remedyOf(error: DependencyUnavailable): string | undefined {
  return error.cause instanceof PostgresFailure ? remedyFor(error.cause.message) : undefined;
}

/** Of what a `Session` or `Connection` has thrown. */
export function sqlState(error: unknown): string | undefined {
  const cause = error instanceof DependencyUnavailable ? error.cause : undefined;
  return cause instanceof PostgresFailure ? cause.sqlState : undefined;
}

/** A failure that leaves the session as it was: of the statement alone, of its locks or its time. */
export function isOfStatement(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && (/^(2[1-3]|40|42|54)/.test(state) || state === '55P03' || state === '57014');
}

/** What was to be stored is such that no statement takes it: a number, a character or a length that does not fit, an id that is there. */
export function isOfValues(error: unknown): boolean {
  return /^(22|23|54)/.test(sqlState(error) ?? '');
}

/** Others had a lock for longer than this one would wait. */
export function isLockTimeout(error: unknown): boolean {
  return sqlState(error) === '55P03';
}

/** Another transaction was in the way, and this one was rolled back for it: once more it may go well. */
export function isConflict(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01';
}

function serverCode(error: unknown): string | undefined {
  return error instanceof Error && 'severity' in error ? codeOf(error) : undefined;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
