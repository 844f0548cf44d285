import { KeyRefused } from './errors.ts';
import type { KeyPlace } from './port.ts';

const LABEL = 'sealslot/context/v1';
const MAX_GENERATION = 0xffff_ffff;

/**
 * The one byte form of a place under a KEK (invariant 6): the label, then purpose, wrapper id, KEK id, tenant, bucket, object key and
 * slot, each as UTF-8 behind its length, then the generation; lengths and generation are 32-bit big-endian. Two places that differ
 * anywhere have different bytes. Changing this form makes every stored key unreadable: add a version instead.
 *
 * @throws KeyRefused for a place that has no unambiguous form.
 */
export function encodeContext(wrapperId: string, kekId: string, place: KeyPlace): Buffer {
  const { purpose, tenant, bucket, objectKey, slot, generation } = place;
  if (!Number.isInteger(generation) || generation < 0 || generation > MAX_GENERATION) {
    throw new KeyRefused('The generation of a key is a 32-bit unsigned integer.');
  }
  const texts = [LABEL, purpose, wrapperId, kekId, tenant, bucket, objectKey, slot];
  const bytes = prefixed(texts, 4);
  bytes.writeUInt32BE(generation, bytes.length - 4);
  return bytes;
}

/** Each as UTF-8 behind its length, 32-bit big-endian. @throws KeyRefused for text that has no UTF-8 of its own. */
export function lengthPrefixed(...texts: readonly string[]): Buffer {
  return prefixed(texts, 0);
}

/** @param room how many bytes are left free at the end. */
function prefixed(texts: readonly string[], room: number): Buffer {
  const lengths = texts.map(lengthOf);
  const bytes = Buffer.alloc(lengths.reduce((sum, length) => sum + 4 + length, room));
  let at = 0;
  for (const [index, text] of texts.entries()) {
    at = bytes.writeUInt32BE(lengths[index] ?? 0, at);
    at += bytes.write(text, at);
  }
  return bytes;
}

/** In UTF-8. */
function lengthOf(text: string): number {
  // UTF-8 turns every lone surrogate into U+FFFD, so two different texts would become one.
  if (!text.isWellFormed()) throw new KeyRefused('The place of a key is well-formed Unicode text.');
  return Buffer.byteLength(text);
}
