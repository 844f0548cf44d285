import { sha256InMemory } from './sha256-in-memory.ts';

/** The Idempotency-Key of an upload, and its place in the memory of the browser. */
export interface Hold {
  readonly key: string;
  /** Whether an earlier page began it. */
  readonly isResumed?: boolean;
  /** Nobody works on it any more. Absent where it is not remembered. @param isOver whether there is nothing left to go on with. */
  release?(isOver: unknown): void;
}

const PREFIX = 'sealslot:';
/** 23.5 hours: the service knows a key for 24. */
const LIFE_MS = 84_600_000;

/**
 * Finds the key of the same upload that an earlier page did not bring to its end, or makes one. While somebody else works on it, in this page or another, there is no sharing: two
 * uploads of one file are two uploads, and only the first is remembered.
 * @param file its samples are among what makes it the same: of another file of this name, size and time, the parts would go into one object with those of the first.
 * @param given by default `localStorage`; null: nothing is remembered. It may throw whenever it is touched: in private modes, on full disks, by policies.
 * @param facts what makes it the same upload; only their hash is stored.
 */
export async function holdKey(
  given: Storage | null | undefined,
  file: Blob,
  facts: readonly unknown[],
): Promise<Hold> {
  const fresh = crypto.getRandomValues(new Uint32Array(4)).join('-');
  // Elsewhere there are neither hashes nor locks.
  if (given === null || !isSecureContext) return { key: fresh };
  const mb = 1_000_000;
  const samples = [0, file.size / 2, file.size - mb].map((at) => file.slice(at, at + mb));
  // Of what cannot be read nothing is known; to say so is not for here.
  const name =
    PREFIX + (await sha256InMemory(new Blob([JSON.stringify(facts), ...samples])).catch(() => fresh));
  const release = await lock(name);
  if (!release) return { key: fresh };
  try {
    const storage = given ?? localStorage;
    let key = fresh;
    for (const each of Object.keys(storage)) {
      if (!each.startsWith(PREFIX)) continue;
      const [at, found] = storage.getItem(each)?.split(' ') ?? [];
      // Not "too old": what is no number compares as false.
      if (!(Date.now() - Number(at) < LIFE_MS)) storage.removeItem(each);
      else if (each === name && found) key = found;
    }
    if (key === fresh) storage.setItem(name, `${Date.now()} ${key}`);
    return {
      key,
      isResumed: key !== fresh,
      release(isOver) {
        try {
          if (isOver) storage.removeItem(name);
        } catch {
          // It was not remembered either.
        }
        release();
      },
    };
  } catch {
    // Then it is not remembered.
    release();
    return { key: fresh };
  }
}

/** @returns what releases it; undefined when somebody else has it. */
function lock(name: string): Promise<(() => void) | undefined> {
  // A page that was just closed may hold it a little longer.
  const lockMs = 1_000;
  return new Promise((tell) => {
    navigator.locks
      .request(name, { signal: AbortSignal.timeout(lockMs) }, () => new Promise<void>(tell))
      .catch(() => tell(undefined));
  });
}
