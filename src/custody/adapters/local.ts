import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { encodeContext } from '../context.ts';
import { CustomerKey } from '../customer-key.ts';
import { KeyNotMine, KeyRefused } from '../errors.ts';
import type { KekRing } from '../kek-ring.ts';
import type { KeyWrapper, WrappedKey } from '../port.ts';

const CIPHER = 'aes-256-gcm';
const INFO_LABEL = 'sealslot/local-wrap/v1';

// The stored form: version ‖ nonce ‖ ciphertext ‖ tag.
const VERSION = 1;
const NONCE_BYTES = 12;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const CIPHERTEXT_AT = 1 + NONCE_BYTES;
const TAG_AT = CIPHERTEXT_AT + KEY_BYTES;
const WRAPPED_BYTES = TAG_AT + TAG_BYTES;

/** Wraps under KEKs held in this process: AES-256-GCM under a key derived for the place, with the place as associated data. */
export function localWrapper({ id, ring }: { id: string; ring: KekRing }): KeyWrapper {
  function held(wrapped: WrappedKey): KeyObject {
    if (wrapped.wrapperId !== id) throw new KeyNotMine('The key was wrapped by another wrapper.');
    return heldKek(wrapped.kekId);
  }

  function heldKek(kekId: string): KeyObject {
    const kek = ring.keks.get(kekId);
    if (!kek) throw new KeyNotMine('The key was wrapped under a KEK that is not held here.');
    return kek;
  }

  const wrapper: KeyWrapper = {
    id,

    async wrap(key, place) {
      const kekId = ring.current;
      const bytes = seal(key, heldKek(kekId), encodeContext(id, kekId, place));
      return { wrapperId: id, kekId, bytes };
    },

    async unwrap(wrapped, place) {
      const kek = held(wrapped);
      return open(wrapped.bytes, kek, encodeContext(id, wrapped.kekId, place));
    },

    async rewrap(wrapped, place) {
      return wrapper.wrap(await wrapper.unwrap(wrapped, place), place);
    },
  };
  return wrapper;
}

function seal(key: CustomerKey, kek: KeyObject, context: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const derived = deriveKey(kek, context);
  try {
    const cipher = createCipheriv(CIPHER, derived, nonce, { authTagLength: TAG_BYTES }).setAAD(context);
    const ciphertext = Buffer.concat([cipher.update(key.bytes()), cipher.final()]);
    return Buffer.concat([Buffer.of(VERSION), nonce, ciphertext, cipher.getAuthTag()]);
  } finally {
    derived.fill(0);
  }
}

function open(bytes: Uint8Array, kek: KeyObject, context: Buffer): CustomerKey {
  if (bytes.length !== WRAPPED_BYTES || bytes[0] !== VERSION) {
    throw new KeyRefused('The wrapped key is not of a form this service writes.');
  }
  const derived = deriveKey(kek, context);
  let plain: Buffer | undefined;
  try {
    const decipher = createDecipheriv(CIPHER, derived, bytes.subarray(1, CIPHERTEXT_AT), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(context)
      .setAuthTag(bytes.subarray(TAG_AT));
    plain = decipher.update(bytes.subarray(CIPHERTEXT_AT, TAG_AT));
    // Throws unless authentic; GCM holds nothing back, so it adds no bytes.
    decipher.final();
    return CustomerKey.fromBytes(plain);
  } catch (cause) {
    throw new KeyRefused('The wrapped key is not authentic in this place.', { cause });
  } finally {
    derived.fill(0);
    plain?.fill(0);
  }
}

/** The context goes in as its hash because Node caps `info` at 1,024 bytes. */
function deriveKey(kek: KeyObject, context: Buffer): Buffer {
  const info = Buffer.concat([Buffer.from(INFO_LABEL), createHash('sha256').update(context).digest()]);
  return Buffer.from(hkdfSync('sha256', kek, Buffer.alloc(0), info, KEY_BYTES));
}
