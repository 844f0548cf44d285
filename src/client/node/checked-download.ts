import { downloadObject, type Downloaded, type DownloadOptions } from './download-object.ts';
import { ContentDiffers, hasCode } from '../errors.ts';
import type { Slot } from '../model.ts';
import type { ServiceClient } from '../service.ts';
import type { Transport } from './transport.ts';

/** What the bytes could be compared with: `nothing` when the token lacks `uploads:read`, and so what was announced is not known. */
export type Checked = 'sha256' | 'size' | 'nothing';

/**
 * Downloads an object and compares it with what was announced at its upload. The last byte is written before the SHA-256 is known: what
 * was written is worth something only when this resolves.
 * @throws as `downloadObject` does; ContentDiffers also when size or SHA-256 are not the announced ones.
 */
export async function downloadChecked(
  service: ServiceClient<Transport>,
  id: string,
  { signal, onBegin, write }: DownloadOptions,
): Promise<Downloaded & { readonly checked: Checked }> {
  const slot = await announced(service, id, signal);
  const done = await downloadObject(service, id, {
    signal,
    write,
    async onBegin({ size, filename }) {
      // Here, and not at the end: another object may be one that fills the disk.
      if (slot !== undefined && size !== slot.size) {
        throw new ContentDiffers(`The object has ${size} bytes; ${slot.size} were announced.`);
      }
      await onBegin?.({ size, filename: slot?.filename ?? filename });
    },
  });
  return { ...done, checked: check(slot, done.sha256) };
}

/** @returns undefined when the token may download but not look. */
async function announced(
  service: ServiceClient,
  id: string,
  signal: AbortSignal | undefined,
): Promise<Slot | undefined> {
  try {
    return await service.get(id, signal);
  } catch (error) {
    if (hasCode(error, 'insufficient_scope')) return undefined;
    throw error;
  }
}

function check(slot: Slot | undefined, sha256: string): Checked {
  if (slot === undefined) return 'nothing';
  if (slot.sha256 === undefined) return 'size';
  if (sha256 === slot.sha256) return 'sha256';
  throw new ContentDiffers('The SHA-256 of what was downloaded differs from the one announced.');
}
