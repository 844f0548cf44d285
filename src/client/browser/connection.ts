import { Unreachable, type LikelyCause } from '../errors.ts';
import { until } from '../retry.ts';

type PeerName = Unreachable['peer'];

/** What is known of one side. */
interface Peer {
  /** It has let this page send or see something. */
  open?: boolean;
  /** When a probe last saw that it is there. */
  seenAt?: number;
  origin?: string;
}

/** The network as far as a page can see it. */
export interface Connection {
  /**
   * Makes a call; and again whenever the device was offline, which uses up no try.
   * @param attempt gives undefined when nothing was answered.
   * @throws Unreachable; what `attempt` rejects with; what aborted the signal.
   */
  reach<T>(
    peer: PeerName,
    url: string,
    signal: AbortSignal | undefined,
    attempt: () => Promise<T | undefined>,
  ): Promise<T>;
  /** Something went through. */
  moved(peer: PeerName): void;
  /** When trying again has not helped: the same error with its likely cause. */
  explain(error: unknown): Promise<unknown>;
}

/** While the device seems offline, it is tried all the same so often: some browsers call a device offline that reaches its own network. */
const OFFLINE_PAUSE_MS = 15_000;
const PROBE_MS = 10_000;

/** @param tell is told whether the device is offline, again and again. */
export function watchConnection(tell: (isOffline: boolean) => void): Connection {
  const peers: Record<PeerName, Peer> = { service: {}, S3: {} };
  const moved = (name: PeerName): void => {
    peers[name].open = true;
    tell(false);
  };
  /**
   * A page that may not see the answers would try in vain until its patience is at its end. Of a side that never let it do anything, two failures, each
   * followed by a probe that reaches it, the second one begun after the first probe, are taken for that; a passing cut is not.
   */
  const isKeptOut = async (peer: Peer, began: number): Promise<boolean> => {
    const { open, seenAt = Infinity } = peer;
    const isSeen = !open && (await isThere(peer));
    peer.seenAt = isSeen ? Date.now() : Infinity;
    // Both by one clock, which may stand still in between.
    return isSeen && seenAt <= began;
  };
  const unreachable = (name: PeerName, likely?: LikelyCause): Unreachable => {
    const { origin = '' } = peers[name];
    const words = {
      cors: `answers, but not to ${location.origin}: see ${name === 'S3' ? '"sealslot cors check"' : 'cors.origins'}`,
      untrusted_or_down: 'is down, blocked, or has a certificate that is not trusted: open it in a tab',
      offline: 'cannot be reached: this device is offline',
    };
    const why = likely ? words[likely] : 'did not answer';
    return new Unreachable(name, `${origin} (${name}) ${why}`, {
      passing: !likely,
      ...(likely && { likely }),
    });
  };
  return {
    async reach(name, url, signal, attempt) {
      const peer = peers[name];
      for (;;) {
        const began = Date.now();
        const answer = await attempt();
        signal?.throwIfAborted();
        if (answer !== undefined) {
          moved(name);
          return answer;
        }
        if (navigator.onLine) {
          peer.origin = new URL(url).origin;
          throw unreachable(name, (await isKeptOut(peer, began)) ? 'cors' : undefined);
        }
        tell(true);
        await until(signal, (end) => {
          const timer = setTimeout(end, OFFLINE_PAUSE_MS);
          addEventListener('online', () => end(), { once: true });
          return () => clearTimeout(timer);
        });
        tell(!navigator.onLine);
      }
    },
    moved,
    async explain(error) {
      if (!(error instanceof Unreachable) || error.likely) return error;
      const peer = peers[error.peer];
      const isSeen = !peer.open && (await isThere(peer));
      return unreachable(error.peer, navigator.onLine ? (isSeen ? 'cors' : 'untrusted_or_down') : 'offline');
    },
  };
}

/** Nothing of the page goes along, and nothing is kept. */
export const QUIET = { credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer' } as const;

/** Without CORS nothing can be read, but a server that is there and trusted can be told from one that is not. */
async function isThere({ origin = '' }: Peer): Promise<boolean> {
  try {
    await fetch(origin, {
      ...QUIET,
      mode: 'no-cors',
      signal: AbortSignal.timeout(PROBE_MS),
    });
    return true;
  } catch {
    return false;
  }
}
