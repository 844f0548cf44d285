import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  KeyObject,
} from 'node:crypto';
import { publicRandom } from '../random.ts';
import { CustomerKey } from './customer-key.ts';
import { KeyRefused } from './errors.ts';

const CIPHER = 'aes-256-gcm';
const INFO_LABEL = 'sealslot/local-wrap/v1';

// The stored form: version ‖ nonce ‖ ciphertext ‖ tag.
const VERSION = 1;
const NONCE_BYTES = 12;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const CIPHERTEXT_AT = 1 + NONCE_BYTES;
const SEALED_BYTES = CIPHERTEXT_AT + KEY_BYTES + TAG_BYTES;

/**
 * Closes a key in this process: AES-256-GCM under a key that HKDF-SHA256 derives for the place, with the place as associated data.
 * @param kek 32 bytes.
 * @param context of `encodeContext`.
 * @returns 61 bytes.
 */
export function seal(key: CustomerKey, kek: KeyObject | Buffer, context: Buffer): Buffer {
  const nonce = publicRandom(NONCE_BYTES);
  const derived = deriveKey(kek, context);
  try {
    return Buffer.concat([Buffer.of(VERSION), nonce, aesGcmSeal(derived, nonce, context, key.bytes())]);
  } finally {
    derived.fill(0);
  }
}

/** @throws KeyRefused for any other bytes, KEK or context than those of `seal`. */
export function unseal(bytes: Uint8Array, kek: KeyObject | Buffer, context: Buffer): CustomerKey {
  if (bytes.length !== SEALED_BYTES || bytes[0] !== VERSION) {
    throw new KeyRefused('The wrapped key is not of a form this service writes.', { refusal: 'wrong_form' });
  }
  const derived = deriveKey(kek, context);
  let plain: Buffer | undefined;
  try {
    plain = aesGcmOpen(derived, bytes.subarray(1, CIPHERTEXT_AT), context, bytes.subarray(CIPHERTEXT_AT));
    return CustomerKey.fromBytes(plain);
  } catch (cause) {
    throw new KeyRefused('The wrapped key is not authentic in this place.', { cause });
  } finally {
    derived.fill(0);
    plain?.fill(0);
  }
}

const LABEL_BYTES = Buffer.from(INFO_LABEL);

/** The context goes in as its hash because Node caps `info` at 1,024 bytes. */
function deriveKey(kek: KeyObject | Buffer, context: Buffer): Buffer {
  const info = Buffer.concat([LABEL_BYTES, hash('sha256', context, 'buffer')]);
  return kek instanceof KeyObject
    ? expand(extracted(kek), info)
    : hkdfSha256(kek, Buffer.alloc(0), info, KEY_BYTES);
}

/** Extracted once, and kept no longer than the KEK itself. One in a buffer will be zeroed, which must leave nothing behind. */
const extractedKeys = new WeakMap<KeyObject, KeyObject>();

/** The first half of HKDF, without a salt. */
function extracted(kek: KeyObject): KeyObject {
  const known = extractedKeys.get(kek);
  if (known !== undefined) return known;
  const secret = kek.export();
  const made = createHmac('sha256', Buffer.alloc(KEY_BYTES)).update(secret).digest();
  const key = createSecretKey(made);
  for (const bytes of [secret, made]) bytes.fill(0);
  extractedKeys.set(kek, key);
  return key;
}

/** The second half, for as many bytes as the hash has. */
function expand(key: KeyObject, info: Buffer): Buffer {
  return createHmac('sha256', key)
    .update(Buffer.concat([info, Buffer.of(1)]))
    .digest();
}

/** HKDF of RFC 5869. @throws RangeError for more than 255 × 32 bytes. */
export function hkdfSha256(
  secret: KeyObject | Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, length));
}

/** AES-256-GCM. @returns ciphertext ‖ tag. */
export function aesGcmSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  plain: Uint8Array,
): Buffer {
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(associated);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** @param sealed of `aesGcmSeal`. @throws Error unless authentic. */
export function aesGcmOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  sealed: Uint8Array,
): Buffer {
  const tagAt = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(associated)
    .setAuthTag(sealed.subarray(tagAt));
  const plain = decipher.update(sealed.subarray(0, tagAt));
  try {
    // Throws unless authentic; GCM holds nothing back, so it adds no bytes.
    decipher.final();
    return plain;
  } catch (error) {
    plain.fill(0);
    throw error;
  }
}
