import { DependencyUnavailable, SealslotError } from '../../errors.ts';
import { beginRekey, continueRekey } from '../../uploads/rekey.ts';
import { claim, isHeld, isRekeying, letGo } from '../../uploads/rekey/lease.ts';
import type { Services } from '../../uploads/services.ts';
import type { Upload } from '../../uploads/upload.ts';

const PAGE = 100;

export type RekeyOutcome =
  { readonly kind: 'rekeyed' } | { readonly kind: 'failed' | 'skipped'; readonly detail: string };

/** All of a tenant, the newest first; with `before` only those behind this one. */
export interface All {
  readonly before: string | undefined;
}

/**
 * One object after the other, each once; what a dead worker left half done is brought to its end. Between two objects it ends when `stop` is aborted.
 * @throws DependencyUnavailable: the object in hand can be gone on with later.
 */
export async function* rekeyAll(
  services: Services,
  tenant: string,
  which: readonly string[] | All,
  stop: AbortSignal,
): AsyncGenerator<readonly [id: string, RekeyOutcome], void> {
  const ids = 'before' in which ? idsOf(services, tenant, which.before) : new Set(which);
  for await (const id of ids) {
    if (stop.aborted) return;
    yield [id, await rekeyOne(services, tenant, id)];
  }
}

async function rekeyOne(services: Services, tenant: string, id: string): Promise<RekeyOutcome> {
  const upload = await services.store.uploads.get(tenant, id);
  if (upload === undefined) return { kind: 'failed', detail: `the tenant has no upload ${id}` };
  try {
    const mine = await take(services, upload);
    if (mine === undefined) return { kind: 'skipped', detail: 'another worker has it' };
    return await finish(services, mine);
  } catch (error) {
    if (error instanceof DependencyUnavailable || !(error instanceof SealslotError)) throw error;
    return { kind: 'failed', detail: error.message };
  }
}

async function finish(services: Services, mine: Upload): Promise<RekeyOutcome> {
  try {
    // Not aborted by Ctrl-C: the object in hand is finished.
    const end = await continueRekey(services, mine, new AbortController().signal);
    if (end === 'rekeyed') return { kind: end };
    if (end === 'gone')
      return { kind: 'skipped', detail: 'it was deleted meanwhile, or another worker has it' };
    return { kind: 'failed', detail: 'what was written did not read back; the object is as it was' };
  } catch (error) {
    // What went wrong first is what to tell.
    await letGo(services, mine).catch(() => undefined);
    throw error;
  }
}

async function take(services: Services, upload: Upload): Promise<Upload | undefined> {
  if (!isRekeying(upload)) return beginRekey(services, upload);
  return isHeld(upload, services.now()) ? undefined : claim(services, upload);
}

async function* idsOf(services: Services, tenant: string, from: string | undefined): AsyncGenerator<string> {
  const now = services.now();
  for (let before = from; ;) {
    const page = await services.store.uploads.list(tenant, {
      state: 'uploaded',
      ...(before !== undefined && { before }),
      limit: PAGE,
      now,
    });
    yield* page.map(({ id }) => id);
    if (page.length < PAGE) return;
    before = page.at(-1)?.id;
  }
}
