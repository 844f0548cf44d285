import type { Clock } from '../clock.ts';
import type { KeyWrapper } from './port.ts';
import { proveRoundTrip } from './proof.ts';

/**
 * Proves that the KEK wraps and unwraps, and remembers it: probes come every few seconds, and must not become as many calls of a KMS.
 * @param rememberedSeconds with a hierarchy as long as its keys are cached, for so long an outage is survived.
 */
export function rememberedProof(
  keks: KeyWrapper,
  rememberedSeconds: number,
  now: Clock,
): () => Promise<void> {
  let provenAt = -Infinity;
  return async () => {
    if (now() < provenAt + rememberedSeconds * 1000) return;
    await proveRoundTrip(keks);
    provenAt = now();
  };
}
