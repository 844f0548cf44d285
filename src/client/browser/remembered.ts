import { sha256InMemory } from './sha256-in-memory.ts';

/** The Idempotency-Key of an upload, and its place in the memory of the browser. */
export interface Hold {
  readonly key: string;
  /** Whether an earlier page began it. */
  readonly isResumed?: boolean;
  /** There is nothing left to go on with. */
  forget?(): void;
  /** Nobody works on it any more. */
  release?(): void;
}

const PREFIX = 'sealslot:';
/** The service knows a key for 24 hours. */
const LIFE_MS = 23.5 * 3_600_000;
/** A page that was just closed may hold it a little longer. */
const LOCK_MS = 1_000;

/**
 * Finds the key of the same upload that an earlier page did not bring to its end, or makes one. While somebody else works on it, in this page or another, there is no sharing: two
 * uploads of one file are two uploads, and only the first is remembered.
 * @param given by default `localStorage`; null: nothing is remembered. It may throw whenever it is touched: in private modes, on full disks, by policies.
 * @param facts what makes it the same upload; only their hash is stored.
 */
export async function holdKey(given: Storage | null | undefined, facts: readonly unknown[]): Promise<Hold> {
  const fresh = crypto.getRandomValues(new Uint32Array(4)).join('-');
  // Elsewhere there are neither hashes nor locks.
  if (given === null || !isSecureContext) return { key: fresh };
  const name = PREFIX + (await sha256InMemory(new Blob([JSON.stringify(facts)])));
  const release = await lock(name);
  if (!release) return { key: fresh };
  let [key, storage] = [fresh, given];
  try {
    storage ??= localStorage;
    for (const each of Object.keys(storage)) {
      if (!each.startsWith(PREFIX)) continue;
      const [at, found] = storage.getItem(each)?.split(' ') ?? [];
      // Not "too old": what is no number compares as false.
      if (!(Date.now() - Number(at) < LIFE_MS)) storage.removeItem(each);
      else if (each === name && found) key = found;
    }
    if (key === fresh) storage.setItem(name, `${Date.now()} ${key}`);
  } catch {
    // Then it is not remembered.
  }
  return {
    key,
    isResumed: key !== fresh,
    forget() {
      try {
        storage?.removeItem(name);
      } catch {
        // It was not remembered either.
      }
    },
    release,
  };
}

/** @returns what releases it; undefined when somebody else has it. */
function lock(name: string): Promise<(() => void) | undefined> {
  return new Promise((tell) => {
    navigator.locks
      .request(name, { signal: AbortSignal.timeout(LOCK_MS) }, () => new Promise<void>(tell))
      .catch(() => tell(undefined));
  });
}
