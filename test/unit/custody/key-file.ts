import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import {
  endLine,
  headerLine,
  keyLine,
  readKeyFile,
  type ExportedKey,
  type KeyFileEnd,
  type KeyFileItem,
} from '../../../src/custody/key-export.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { Secret } from '../../../src/secret.ts';
import { NOW, uploadOf } from '../../contract/store-rows.ts';

export function exportedOf(n: number, changes: Partial<ExportedKey> = {}): ExportedKey {
  const {
    generation,
    nextGeneration: _next,
    versionId,
    deletedAt: _deleted,
    forgottenAt: _forgotten,
    ...slot
  } = uploadOf(n);
  return { slot, generation, versionId, standing: 'current', key: CustomerKey.generate(), ...changes };
}

/** A whole file in the clear. */
export function fileOf(keys: readonly ExportedKey[], end: Partial<KeyFileEnd> = {}): string {
  const counts = { keys: keys.length, slots: new Set(keys.map(({ slot }) => slot.id)).size, failed: 0 };
  return headerLine(NOW) + keys.map(keyLine).join('') + endLine({ ...counts, ...end });
}

export async function* chunksOf(bytes: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export interface Seen {
  readonly items: KeyFileItem[];
  readonly end: KeyFileEnd | undefined;
  readonly error: Error | undefined;
}

/** All that a file gives before it ends or fails. */
export async function readAll(bytes: AsyncIterable<Uint8Array>): Promise<Seen> {
  const items: KeyFileItem[] = [];
  const reading = readKeyFile(bytes);
  try {
    for (;;) {
      const next = await reading.next();
      if (next.done === true) return { items, end: next.value, error: undefined };
      items.push(next.value);
    }
  } catch (error) {
    return { items, end: undefined, error: error as Error };
  }
}

/** What the items are, with the secret spelled out, to compare. */
export function spelled(items: readonly KeyFileItem[]): unknown[] {
  return items.map((item) => ('exported' in item ? withSecret(item.exported) : item.problem));
}

export function withSecret({ key, ...exported }: ExportedKey): unknown {
  return { ...exported, key: key.bytes().toString('base64') };
}

export async function makeIdentity(): Promise<{ identity: Secret; recipient: string }> {
  const identity = await generateX25519Identity();
  return { identity: new Secret(identity), recipient: await identityToRecipient(identity) };
}
