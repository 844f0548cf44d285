import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';

/** By their private authority. One that nobody uses any more is let go. */
const contexts = new Map<string, WeakRef<SecureContext>>();

/**
 * Whom a target's certificate is checked against: the usual authorities, and the private one of the configuration beside them. All that trust
 * the same share one context: reading the authorities takes 5 ms and more, and keeping them 1 MB.
 */
export function trusted(ca: string | undefined): { secureContext?: SecureContext } {
  if (ca === undefined) return {};
  const known = contexts.get(ca)?.deref();
  if (known !== undefined) return { secureContext: known };
  const secureContext = createSecureContext({ ca: [...rootCertificates, ca] });
  contexts.set(ca, new WeakRef(secureContext));
  return { secureContext };
}
