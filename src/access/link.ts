import { LinkInvalid } from '../errors.ts';
import type { Secret } from '../secret.ts';
import { signToken, verifyToken } from './signed-token.ts';

/** What a link opens: the content of one slot, as it was when the link was made. */
export interface Link {
  readonly tenant: string;
  readonly uploadId: string;
  /** After a re-key, links made before open nothing. */
  readonly generation: number;
  readonly disposition: 'attachment' | 'inline';
  /** Milliseconds since the epoch, whole seconds. */
  readonly expiresAt: number;
}

const TYPE = 'sealslot-link+jwt';

/** @param secret at least 32 bytes. @returns URL-safe text that names the slot to everybody who sees it, and lets nobody make another. */
export function signLink(secret: Secret, link: Link): Promise<string> {
  const { tenant, uploadId, generation, disposition, expiresAt } = link;
  const claims = { tenant, generation, ...(disposition === 'inline' && { inline: true }) };
  return signToken(secret, TYPE, { subject: uploadId, expiresAt, claims });
}

/**
 * @param secrets any of them may have signed it.
 * @throws LinkInvalid when none has, or it has ended.
 */
export async function verifyLink(secrets: readonly Secret[], text: string, now: number): Promise<Link> {
  const token = await verifyToken(secrets, TYPE, text, ['tenant', 'generation'], now);
  if (token === 'ended') throw new LinkInvalid('The link has ended.');
  if (token === 'foreign') throw new LinkInvalid('This is no link of this service.');
  const { tenant, generation, inline, sub: uploadId = '', exp = 0 } = token;
  return {
    tenant: String(tenant),
    uploadId,
    generation: Number(generation),
    disposition: inline === true ? 'inline' : 'attachment',
    expiresAt: exp * 1000,
  };
}
