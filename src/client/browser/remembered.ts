import { Sha256 } from './sha256.ts';
import { base64 } from './hash-in-pieces.ts';

/** The Idempotency-Key of an upload, and its place in the memory of the browser. */
export interface Hold {
  readonly key: string;
  /** Whether an earlier page began it. */
  readonly isResumed: boolean;
  /** There is nothing left to go on with. */
  forget(): void;
  /** Nobody works on it any more. */
  release(): void;
}

const PREFIX = 'sealslot:';
/** The service knows a key for 24 hours. */
const LIFE_MS = 23.5 * 3_600_000;
/** A page that was just closed may hold it a little longer. */
const LOCK_MS = 1_000;
const held = new Set<string>();

/**
 * Finds the key of the same upload that an earlier page did not bring to its end, or makes one. While somebody else works on it, in this page or another, there is no sharing: two
 * uploads of one file are two uploads, and only the first is remembered.
 * @param storage undefined: nothing is remembered. It may throw whenever it is touched.
 * @param facts what makes it the same upload; only their hash is stored.
 */
export async function holdKey(storage: Storage | undefined, facts: readonly unknown[]): Promise<Hold> {
  const fresh = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
  const hash = new Sha256();
  hash.update(new TextEncoder().encode(JSON.stringify(facts)));
  const name = `${PREFIX}${base64(hash.digest())}`;
  const release = storage && (await lock(name));
  if (!release) return { key: fresh, isResumed: false, forget: nothing, release: nothing };
  const found = attempt(() => find(storage, name));
  if (found === undefined)
    attempt(() => storage.setItem(name, JSON.stringify({ key: fresh, at: Date.now() })));
  return {
    key: found ?? fresh,
    isResumed: found !== undefined,
    forget: () => attempt(() => storage.removeItem(name)),
    release,
  };
}

/** Private modes, full disks and policies make storage throw: then nothing is remembered. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Removes what is too old, too. */
function find(storage: Storage, name: string): string | undefined {
  let found: string | undefined;
  for (const each of Array.from({ length: storage.length }, (_, index) => storage.key(index))) {
    if (!each?.startsWith(PREFIX)) continue;
    const entry = attempt(() => JSON.parse(storage.getItem(each) ?? '') as { key: unknown; at: unknown });
    const age = Date.now() - Number(entry?.at);
    // Not "too old": what is no number compares as false.
    if (!(age >= 0 && age < LIFE_MS) || typeof entry?.key !== 'string') storage.removeItem(each);
    else if (each === name) found = entry.key;
  }
  return found;
}

/** @returns what releases it; undefined when somebody else has it. */
async function lock(name: string): Promise<(() => void) | undefined> {
  if (held.has(name)) return undefined;
  held.add(name);
  let release = (): void => undefined;
  // Absent in a page that is not a secure context. Two tabs then work on one slot: what S3 lists still counts for both.
  const locks = navigator.locks as LockManager | undefined;
  const isOurs =
    locks === undefined ||
    (await new Promise<boolean>((resolve) => {
      const work = (): Promise<void> => {
        resolve(true);
        return new Promise((end) => (release = end));
      };
      const signal = AbortSignal.timeout(LOCK_MS);
      locks.request(name, { signal }, work).catch((error: unknown) => {
        // A page that may not lock may still remember.
        resolve(!(error instanceof Error && error.name === 'TimeoutError'));
      });
    }));
  const leave = (): void => {
    held.delete(name);
    release();
  };
  if (isOurs) return leave;
  leave();
  return undefined;
}

const nothing = (): void => undefined;
