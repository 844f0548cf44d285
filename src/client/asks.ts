import { hasCode } from './errors.ts';
import type { SlotWithRequest, UploadAsk } from './model.ts';

/** How a file goes: whole by one PUT, in parts, or whichever suits its size and is allowed. */
export type UploadMethod = 'auto' | 'PUT' | 'multipart';

/** Below that a file goes whole, and S3 itself checks its SHA-256. From there on it goes in parts: a failure costs one part. */
const PARTS_FROM_BYTES = 268_435_456;
/** What S3 takes by one PUT. */
export const LARGEST_PUT_BYTES = 5 * 1024 ** 3;

/** What both ways of asking have in common. */
export type AskFacts = Omit<UploadAsk, 'sha256' | 'method' | 'partSize'>;

/**
 * What to ask for, the best first; the next one is for a tenant whose policy does not have it.
 * @param sha256 base64. Nobody checks it for an upload in parts where the service may not read it again; then it is left out.
 * @param partSize bytes.
 */
export function asksFor(
  facts: AskFacts,
  sha256: string,
  method: UploadMethod,
  partSize: number | undefined,
): UploadAsk[] {
  const whole: UploadAsk = { ...facts, sha256 };
  const inParts: UploadAsk = {
    ...facts,
    method: 'multipart',
    ...(partSize !== undefined && { partSize }),
  };
  const parts = [{ ...inParts, sha256 }, inParts];
  if (method === 'PUT') return [whole];
  if (method === 'multipart') return parts;
  if (facts.size > LARGEST_PUT_BYTES) return parts;
  // Nothing has no parts.
  if (facts.size === 0) return [whole];
  return facts.size < PARTS_FROM_BYTES ? [whole, ...parts] : [...parts, whole];
}

/**
 * Asks for the first slot that the policy allows.
 * @param asks at least one, tried in order; those that a refusal has ruled out are taken out, so that the next call does not meet it again.
 * @throws ServiceProblem: the first refusal, when it is of something else or of all.
 */
export async function firstAllowed<Ask>(
  asks: Ask[],
  create: (ask: Ask) => Promise<SlotWithRequest>,
): Promise<SlotWithRequest> {
  let refusal: unknown;
  for (;;) {
    try {
      return await create(asks[0] as Ask);
    } catch (error) {
      if (!isOfTheWay(error)) throw error;
      refusal ??= error;
      if (asks.length === 1) throw refusal;
      asks.shift();
    }
  }
}

/** Whether nothing but the method, or the SHA-256 with it, is refused. */
function isOfTheWay(error: unknown): boolean {
  return (
    hasCode(error, 'policy_refused') &&
    error.errors.length > 0 &&
    error.errors.every(({ path }) => path === '/method' || path === '/sha256')
  );
}
