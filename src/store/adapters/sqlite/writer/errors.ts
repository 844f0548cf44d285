import * as custodyErrors from '../../../../custody/errors.ts';
import * as errors from '../../../../errors.ts';
import * as storeErrors from '../../../errors.ts';

const { SealslotError } = errors;

/** An error as it crosses between threads: a structured clone would lose its class. */
export interface Told {
  /** Of its class. */
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Its own members beside these. */
  readonly members: Readonly<Record<string, unknown>>;
  readonly cause: Told | undefined;
}

/** Of what is no error of ours, what says why: SQLite's codes and the system's. */
const FOREIGN_MEMBERS = ['code', 'errcode', 'errstr', 'errno', 'syscall'];
const OF_EVERY_ERROR = ['name', 'message', 'stack', 'cause'];
/** Of causes that have causes. */
const DEEPEST = 4;

const CLASSES = new Map(
  [errors, storeErrors, custodyErrors]
    .flatMap((module): unknown[] => Object.values(module))
    .filter(
      (value): value is typeof SealslotError =>
        typeof value === 'function' && SealslotError.isPrototypeOf(value),
    )
    .map((known) => [known.name, known]),
);

export function tell(error: unknown, depth = 0): Told {
  if (!(error instanceof Error)) return tell(new TypeError('what was thrown is no error'), depth);
  const isOurs = error instanceof SealslotError && CLASSES.get(error.name) === error.constructor;
  const names = isOurs
    ? Object.keys(error).filter((name) => !OF_EVERY_ERROR.includes(name))
    : FOREIGN_MEMBERS;
  const members: Record<string, unknown> = {};
  for (const name of names) {
    const value: unknown = Reflect.get(error, name);
    if (value !== undefined || isOurs) members[name] = value;
  }
  const { name, message, stack, cause } = error;
  return {
    name,
    message,
    stack,
    members,
    cause: cause === undefined || depth >= DEEPEST ? undefined : tell(cause, depth + 1),
  };
}

/** An error that is what the other one was: `instanceof` holds, and so do its members. */
export function told({ name, message, stack, members, cause }: Told): Error {
  const error = new Error(message);
  if (cause !== undefined) define(error, 'cause', told(cause));
  if (stack !== undefined) define(error, 'stack', stack);
  const known = CLASSES.get(name);
  if (known === undefined) define(error, 'name', name);
  else Object.setPrototypeOf(error, known.prototype);
  return Object.assign(error, known === undefined ? {} : { name }, members);
}

function define(error: Error, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, configurable: true, writable: true });
}
