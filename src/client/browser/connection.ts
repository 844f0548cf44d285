import { Unreachable } from '../errors.ts';
import { until } from '../retry.ts';

type PeerName = Unreachable['peer'];

/** What is known of one side. */
interface Peer {
  /** It has let this page send or see something. */
  open?: boolean;
  /** When a probe last saw that it is there. */
  seenAt?: number;
}

/** The network as far as a page can see it. */
export interface Connection {
  /**
   * Makes a call; and again whenever the device was offline, which uses up no try.
   * @param attempt gives undefined when nothing was answered.
   * @throws Unreachable with its likely cause; what `attempt` rejects with; what aborted the signal.
   */
  reach<T>(
    peer: PeerName,
    url: string,
    signal: AbortSignal | undefined,
    attempt: () => Promise<T | undefined>,
  ): Promise<T>;
  /** Something went through. */
  moved(peer: PeerName): void;
}

/** @param tell is told whether the device is offline, again and again. */
export function watchConnection(tell: (isOffline: boolean) => void): Connection {
  // While the device seems offline, it is tried all the same so often: some browsers call a device offline that reaches its own network.
  const offlinePauseMs = 15_000;
  const peers: Record<PeerName, Peer> = { service: {}, S3: {} };
  const moved = (name: PeerName): void => {
    peers[name].open = true;
    tell(false);
  };
  return {
    async reach(name, url, signal, attempt) {
      for (;;) {
        const began = Date.now();
        const answer = await attempt();
        signal?.throwIfAborted();
        if (answer !== undefined) {
          moved(name);
          return answer;
        }
        if (navigator.onLine) throw await unreachable(name, peers[name], new URL(url).origin, began);
        tell(true);
        await until(signal, (end) => {
          const timer = setTimeout(end, offlinePauseMs);
          addEventListener('online', () => end(), { once: true });
          return () => clearTimeout(timer);
        });
      }
    },
    moved,
  };
}

/**
 * A browser hides why nothing came. A page that may not see the answers would try in vain until its patience is at its end: so of a side that never let it do anything, two
 * failures, each followed by a probe that reaches it, the second one begun after the first probe, are taken for that; a passing cut is not.
 * @param origin never the URL, which is signed.
 */
async function unreachable(name: PeerName, peer: Peer, origin: string, began: number): Promise<Unreachable> {
  const { open, seenAt = Infinity } = peer;
  const isSeen = !open && (await isThere(origin));
  peer.seenAt = isSeen ? Date.now() : Infinity;
  const likely = isSeen ? 'cors' : navigator.onLine ? 'untrusted_or_down' : 'offline';
  const words = {
    cors: `It is there, but does not let ${location.origin} in: see ${name === 'S3' ? '"sealslot cors check"' : 'cors.origins'}.`,
    untrusted_or_down: 'Down, blocked, or its certificate is not trusted: open it in a tab.',
    offline: 'This device is offline.',
  };
  return new Unreachable(name, `No answer from ${origin} (${name}). ${words[likely]}`, {
    likely,
    passing: !isSeen || seenAt > began,
  });
}

/** Nothing of the page goes along, and nothing is kept. */
export const QUIET = { credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer' } as const;

/** Without CORS nothing can be read, but a server that is there and trusted can be told from one that is not. */
async function isThere(origin: string): Promise<boolean> {
  const probeMs = 10_000;
  try {
    await fetch(origin, { ...QUIET, mode: 'no-cors', signal: AbortSignal.timeout(probeMs) });
    return true;
  } catch {
    return false;
  }
}
