import { DependencyUnavailable, Unauthenticated } from '../errors.ts';
import { SCOPES, type Principal, type Scope } from './principal.ts';

/** Who calls, as an application says it that has authenticated the caller itself. */
export interface HostPrincipal {
  /** The tenant's name in sealslot's configuration; one that is not there gets a 401. */
  readonly tenant: string;
  /**
   * A stable name of the caller inside the tenant, 1 to 256 characters without control characters: slots belong to `host:<subject>`, and
   * only their maker is given their key.
   */
  readonly subject: string;
  /** What the caller may do. Scopes of other services may be among them; they count for nothing. */
  readonly scopes: Iterable<Scope | (string & {})>;
}

const LONGEST_SUBJECT = 256;
const CONTROL = /\p{Cc}/u;

/**
 * What the application's own function answers, as a principal.
 * @param ask answers who calls, or nothing for nobody that it knows; throws with a `statusCode` from 400 to 499 for credentials that are not
 *   good.
 * @returns undefined for nobody.
 * @throws Unauthenticated for such credentials, and for an answer that names no principal; DependencyUnavailable for all else that is thrown:
 *   whether they are good is not known then.
 */
export async function askHost(ask: () => unknown): Promise<Principal | undefined> {
  try {
    const answer = await ask();
    // Here, as looking at it may run code of the application too: getters, iterators.
    return answer === undefined || answer === null ? undefined : principalOf(answer);
  } catch (error) {
    if (error instanceof Unauthenticated) throw error;
    const { statusCode } = (error ?? {}) as { statusCode?: unknown };
    if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
      throw new Unauthenticated('The application does not accept these credentials.', { cause: error });
    throw new DependencyUnavailable('authentication', error);
  }
}

function principalOf(answer: object): Principal {
  const { tenant, subject, scopes } = answer as { readonly [K in keyof HostPrincipal]?: unknown };
  if (typeof tenant !== 'string' || tenant === '') throw wrong('tenant is not a text');
  if (typeof subject !== 'string' || subject === '') throw wrong('subject is not a text');
  if (subject.length > LONGEST_SUBJECT) throw wrong(`subject is longer than ${LONGEST_SUBJECT} characters`);
  // Ill-formed: a store would write each lone surrogate as the same U+FFFD, making two subjects one.
  if (CONTROL.test(subject) || !subject.isWellFormed()) throw wrong('subject has control characters');
  if (!isIterable(scopes) || typeof scopes === 'string') throw wrong('scopes is not a list of texts');
  const named = new Set(scopes);
  return { tenant, id: `host:${subject}`, scopes: new Set(SCOPES.filter((scope) => named.has(scope))) };
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return (
    typeof value === 'string' || (typeof value === 'object' && value !== null && Symbol.iterator in value)
  );
}

/** The cause goes to the log: the caller can do nothing about it. */
function wrong(reason: string): Unauthenticated {
  return new Unauthenticated('The application does not say who calls.', {
    cause: new Error(`authenticate: ${reason}`),
  });
}
