import { nameOf, Unreachable, type LikelyCause } from '../errors.ts';

/** No answer that a script may see. */
export class NoAnswer extends Error {
  /** Whether bytes of the body had left: the browser had asked by then whether it may send them, and was told yes. */
  readonly moved: boolean;

  constructor(moved: boolean, options?: ErrorOptions) {
    super('no answer', options);
    this.moved = moved;
  }
}

/** What is known of one side. */
interface Peer {
  /** It has let this page send or see something. */
  open: boolean;
  failures: number;
  /** When a probe last saw that it is there, as of `performance.now()`. */
  seenAt: number;
}

type PeerName = 'service' | 'S3';

/** While the device seems offline, it is tried all the same so often: some browsers call a device offline that reaches its own network. */
const OFFLINE_PROBE_MS = 15_000;

/** The network as far as a page can see it: waits while the device is offline, and finds out what a failure without a reason comes from. */
export class Connection {
  readonly #peers: Record<PeerName, Peer> = { service: unknown(), S3: unknown() };
  readonly #tell: (isOffline: boolean) => void;

  /** @param tell is told whether the device is offline, again and again. */
  constructor(tell: (isOffline: boolean) => void) {
    this.#tell = tell;
  }

  /**
   * Makes a call; once more, whenever the device was offline. That uses up no try.
   * @param attempt rejects with NoAnswer when nothing was answered, and as soon as its signal is aborted.
   * @throws Unreachable, and what else `attempt` rejects with; what aborted the signal.
   */
  async reach<T>(
    peer: PeerName,
    url: string,
    signal: AbortSignal | undefined,
    attempt: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    for (;;) {
      const cut = new AbortController();
      const onOffline = (): void => cut.abort();
      const began = performance.now();
      globalThis.addEventListener('offline', onOffline);
      try {
        const answer = await attempt(signal ? AbortSignal.any([signal, cut.signal]) : cut.signal);
        this.moved(peer);
        return answer;
      } catch (error) {
        signal?.throwIfAborted();
        const cause = cut.signal.aborted ? new NoAnswer(false) : error;
        if (!(cause instanceof NoAnswer)) throw error;
        if (!isOffline()) throw await this.#failed(peer, url, cause, began);
      } finally {
        globalThis.removeEventListener('offline', onOffline);
      }
      this.#tell(true);
      await online(signal);
    }
  }

  /** Something went through. */
  moved(peer: PeerName): void {
    this.#peers[peer].open = true;
    this.#tell(false);
  }

  /** When trying again has not helped: the same error with its likely cause. */
  async explain(error: unknown): Promise<unknown> {
    if (!(error instanceof Silent) || error.likely !== undefined) return error;
    const { peer, cause, origin } = error;
    const likely = (await isThere(origin)) && !this.#peers[peer].open ? 'cors' : 'untrusted_or_down';
    return new Silent(peer, origin, cause, isOffline() ? 'offline' : likely);
  }

  /**
   * A page that may not see the answers would try in vain until its patience is at its end. Of a side that never let it do anything, two failures, each
   * followed by a probe that reaches it, the second one begun after the first probe, are taken for that; a passing cut is not.
   */
  async #failed(name: PeerName, url: string, cause: NoAnswer, began: number): Promise<Unreachable> {
    const { origin } = new URL(url);
    const peer = this.#peers[name];
    peer.open ||= cause.moved;
    peer.failures += 1;
    if (!peer.open && peer.failures > 1) {
      const wasSeen = peer.seenAt < began;
      if (!(await isThere(origin))) peer.seenAt = Infinity;
      else if (wasSeen) return new Silent(name, origin, cause, 'cors');
      else peer.seenAt = performance.now();
    }
    return new Silent(name, origin, cause);
  }
}

const unknown = (): Peer => ({ open: false, failures: 0, seenAt: Infinity });

/** Never the URL itself, which is signed. */
class Silent extends Unreachable {
  readonly origin: string;

  constructor(peer: PeerName, origin: string, cause: unknown, likely?: LikelyCause) {
    const page = (globalThis.location as Location | undefined)?.origin ?? 'this page';
    const place = `${nameOf(peer)} at ${origin}`;
    const words = {
      cors:
        `${capital(place)} answers, but the browser keeps the answers from this page: ` +
        (peer === 'S3'
          ? `the bucket’s CORS rules do not let ${page} in, it seems. "sealslot cors check" tells what is missing.`
          : `cors.origins in its sealslot.yaml lacks ${page}, it seems.`),
      untrusted_or_down: `No answer from ${place}: it is down, its certificate is not trusted, or something blocks it, such as connect-src of this page’s Content-Security-Policy. Open ${origin} in a tab: the browser tells which.`,
      offline: `No answer from ${place}: this device is offline.`,
    };
    super(peer, words[likely ?? 'untrusted_or_down'], {
      cause,
      passing: likely === undefined,
      ...(likely && { likely }),
    });
    this.origin = origin;
  }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const isOffline = (): boolean => !navigator.onLine;

/** Without CORS nothing can be read, but a server that is there and trusted can be told from one that is not. */
async function isThere(origin: string): Promise<boolean> {
  try {
    await fetch(origin, {
      ...{ mode: 'no-cors', cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer' },
      signal: AbortSignal.timeout(10_000),
    });
    return true;
  } catch {
    return false;
  }
}

function online(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      globalThis.removeEventListener('online', end);
      signal?.removeEventListener('abort', end);
      if (signal?.aborted === true) reject(signal.reason as Error);
      else resolve();
    };
    const timer = setTimeout(end, OFFLINE_PROBE_MS);
    globalThis.addEventListener('online', end);
    signal?.addEventListener('abort', end);
  });
}
