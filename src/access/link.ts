import { errors, jwtVerify, SignJWT } from 'jose';
import { LinkInvalid } from '../errors.ts';
import type { Secret } from '../secret.ts';

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

const ALGORITHM = 'HS256';
/** No token of another kind, by whatever key, is a link (RFC 8725, section 3.11). */
const TYPE = 'sealslot-link+jwt';

/** @param secret at least 32 bytes. @returns URL-safe text that names the slot to everybody who sees it, and lets nobody make another. */
export function signLink(secret: Secret, link: Link): Promise<string> {
  const { tenant, uploadId, generation, disposition, expiresAt } = link;
  return new SignJWT({ tenant, generation, ...(disposition === 'inline' && { inline: true }) })
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
    .setSubject(uploadId)
    .setExpirationTime(expiresAt / 1000)
    .sign(bytesOf(secret));
}

/**
 * @param secrets any of them may have signed it.
 * @throws LinkInvalid when none has, or it has ended.
 */
export async function verifyLink(secrets: readonly Secret[], text: string, now: number): Promise<Link> {
  for (const secret of secrets) {
    try {
      const { payload } = await jwtVerify(text, bytesOf(secret), {
        algorithms: [ALGORITHM],
        typ: TYPE,
        currentDate: new Date(now),
        requiredClaims: ['exp', 'sub', 'tenant', 'generation'],
      });
      const { tenant, generation, inline, sub: uploadId = '', exp = 0 } = payload;
      return {
        tenant: String(tenant),
        uploadId,
        generation: Number(generation),
        disposition: inline === true ? 'inline' : 'attachment',
        expiresAt: exp * 1000,
      };
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw new LinkInvalid('The link has ended.');
      if (!(error instanceof errors.JOSEError)) throw error;
    }
  }
  throw new LinkInvalid('This is no link of this service.');
}

function bytesOf(secret: Secret): Uint8Array {
  return new TextEncoder().encode(secret.reveal());
}
