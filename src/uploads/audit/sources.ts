import type { KeyCursor, KeyStore, PlacedKey, StoredKey } from '../../store/port.ts';
import { DependencyUnavailable } from '../../errors.ts';
import type { Upload } from '../upload.ts';
import type { AuditContext } from './context.ts';
import { found, reasonOf, type SlotKeys } from './finding.ts';
import type { Listed } from './listed.ts';

const PAGE = 500;

/** Slots that have living keys, by id, each with all of them; a page in memory at a time. */
export async function* slotsIn(keys: KeyStore, tenant: string | undefined): AsyncGenerator<SlotKeys> {
  let slot: { upload: Upload; keys: StoredKey[] } | undefined;
  for await (const key of keysIn(keys, tenant)) {
    if (slot !== undefined && slot.upload.id !== key.upload.id) {
      yield slot;
      slot = undefined;
    }
    slot ??= { upload: key.upload, keys: [] };
    slot.keys.push(key);
  }
  if (slot !== undefined) yield slot;
}

async function* keysIn(keys: KeyStore, tenant: string | undefined): AsyncGenerator<PlacedKey> {
  let after: KeyCursor | undefined;
  for (;;) {
    const page = await keys.page({
      ...(tenant !== undefined && { tenant }),
      ...(after && { after }),
      limit: PAGE,
    });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = { uploadId: last.upload.id, generation: last.generation };
  }
}

/** A bucket that tenants name, and what was seen of it. */
export interface AuditedBucket {
  readonly target: string;
  readonly bucket: string;
}

export function bucketsOf({ services, tenant }: Pick<AuditContext, 'services' | 'tenant'>): AuditedBucket[] {
  const all = new Map<string, AuditedBucket>();
  for (const [name, { target, bucket }] of Object.entries(services.config.tenants)) {
    if (tenant === undefined || tenant === name)
      all.set(JSON.stringify([target, bucket]), { target, bucket });
  }
  return [...all.values()];
}

/** Every version in every bucket, but no delete markers. A listing that fails is told, and the next one begun. */
export async function* versionsIn(
  audit: AuditContext,
  buckets: readonly AuditedBucket[],
): AsyncGenerator<Listed> {
  for (const { target: name, bucket } of buckets) {
    const target = audit.services.targets.get(name);
    if (target === undefined) continue;
    try {
      for await (const version of target.buckets.versions(bucket)) {
        if (!version.isDeleteMarker) yield { bucket, objects: target.objects, version };
      }
    } catch (error) {
      if (!(error instanceof DependencyUnavailable)) throw error;
      const detail = `the listing on ${JSON.stringify(name)} failed, before its end or at once: ${reasonOf(error)}`;
      audit.report(found('unknown', { bucket }, detail));
    }
  }
}

/** So many of a stream, each with the same chance, and how many there were: reservoir sampling, algorithm R. */
export async function sampleOf<T>(
  all: AsyncIterable<T>,
  size: number,
  random: () => number,
  signal: AbortSignal,
): Promise<{ readonly chosen: readonly T[]; readonly total: number }> {
  const chosen: T[] = [];
  let total = 0;
  for await (const one of all) {
    if (signal.aborted) break;
    total += 1;
    const place = chosen.length < size ? chosen.length : Math.floor(random() * total);
    if (place < size) chosen[place] = one;
  }
  return { chosen, total };
}
