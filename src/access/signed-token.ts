import { errors, jwtVerify, SignJWT, type JWTPayload } from 'jose';
import type { Secret } from '../secret.ts';

const ALGORITHM = 'HS256';

/** What the service signs for itself: a JWT, HS256, whose `typ` is its kind. No token of another kind, by whatever key, is one (RFC 8725, 3.11). */
export interface TokenContent {
  /** What it stands for: an id. */
  readonly subject: string;
  /** Milliseconds since the epoch, whole seconds; from then on it is refused. */
  readonly expiresAt: number;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** @param secret at least 32 bytes. @returns URL-safe text; what it holds, everybody who sees it can read. */
export function signToken(
  secret: Secret,
  type: string,
  { subject, expiresAt, claims }: TokenContent,
): Promise<string> {
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: ALGORITHM, typ: type })
    .setSubject(subject)
    .setExpirationTime(expiresAt / 1000)
    .sign(bytesOf(secret));
}

/** `ended`: it was good once, and says so; `foreign`: none of the secrets has signed it as a token of this kind. */
export type VerifiedToken = JWTPayload | 'ended' | 'foreign';

/**
 * @param secrets any of them may have signed it.
 * @param claims those that it must have, beside `sub` and `exp`.
 * @param now milliseconds since the epoch.
 */
export async function verifyToken(
  secrets: readonly Secret[],
  type: string,
  text: string,
  claims: readonly string[],
  now: number,
): Promise<VerifiedToken> {
  for (const secret of secrets) {
    try {
      const { payload } = await jwtVerify(text, bytesOf(secret), {
        algorithms: [ALGORITHM],
        typ: type,
        currentDate: new Date(now),
        requiredClaims: ['exp', 'sub', ...claims],
      });
      return payload;
    } catch (error) {
      // The signature is looked at first.
      if (error instanceof errors.JWTExpired) return 'ended';
      if (!(error instanceof errors.JOSEError)) throw error;
    }
  }
  return 'foreign';
}

function bytesOf(secret: Secret): Uint8Array {
  return new TextEncoder().encode(secret.reveal());
}
