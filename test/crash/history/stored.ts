import { loadOperated } from '../../../src/cli/operator.ts';
import { openKeks, openStore } from '../../../src/composition.ts';
import { UNCOUNTED } from '../../../src/custody/counted.ts';
import { KeyNotMine, KeyRefused } from '../../../src/custody/errors.ts';
import { placeOf, type Services } from '../../../src/uploads/services.ts';
import { mapSeveral } from '../../../src/uploads/several.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import { environment } from '../../support/service.ts';
import type { History } from './history.ts';
import type { Stored, StoredSlot } from './violations.ts';

const TENANT = 'acme';
const PRINCIPAL = 'key:test';
const PAGE = 1000;

type Opened = Pick<Services, 'store' | 'wrapper' | 'now'>;

/** Opens the store of the service in that folder, in this process and by the production code, for each piece of work anew. */
export async function storeOpener(
  dir: string,
): Promise<<T>(work: (opened: Opened) => Promise<T>) => Promise<T>> {
  const loaded = await loadOperated(environment(dir), TENANT);
  // Of a server, no more connections than it takes: they are made anew for each piece.
  const config =
    loaded.store.kind === 'postgres' ? { ...loaded, store: { ...loaded.store, pool: { max: 2 } } } : loaded;
  const wrapper = await openKeks(config, UNCOUNTED);
  return async (work) => {
    const store = await openStore(config, { serves: false });
    try {
      return await work({ store, wrapper, now: Date.now });
    } finally {
      await store.close();
    }
  };
}

export interface Scope {
  /** Milliseconds since the epoch: every slot made since is looked at. 0: all that there is, and the outbox too. */
  readonly since: number;
  /** Further slots that are looked at. */
  readonly alsoIds: ReadonlySet<string>;
}

/** What the store says of the scope, and of what the history names. */
export async function readStored(
  services: Opened,
  { calls }: History,
  { since, alsoIds }: Scope,
): Promise<Omit<Stored, 'keysWithoutSlot'>> {
  const { store } = services;
  const uploads = new Map((await newerThan(services, since)).map((upload) => [upload.id, upload]));
  const told = calls.flatMap(({ answer }) => answer?.slots.map(({ slotId }) => slotId) ?? []);
  const named = new Set([...told, ...alsoIds]);
  await mapSeveral(
    [...named].filter((id) => !uploads.has(id)),
    async (id) => {
      const upload = await store.uploads.get(TENANT, id);
      if (upload !== undefined) uploads.set(id, upload);
    },
  );
  // After the slots: a commit that lands between the two reads brings its key with it.
  const slots = await mapSeveral([...uploads.values()], (upload) => storedSlot(services, upload));

  const records = new Map<string, readonly string[]>();
  const keyed = new Map(
    calls.flatMap(({ ask }) =>
      ask.kind === 'create' && ask.order.idempotencyKey !== undefined
        ? [[ask.order.idempotencyKey, ask.order] as const]
        : [],
    ),
  );
  await mapSeveral([...keyed], async ([key, { grantId }]) => {
    const principal = grantId === undefined ? PRINCIPAL : `grant:${grantId}`;
    const record = await store.uploads.findIdempotent(TENANT, principal, key, services.now());
    if (record !== undefined) records.set(key, record.uploadIds);
  });

  const grants = new Map<string, { count: number; used: number }>();
  await mapSeveral(
    calls.flatMap(({ answer }) => answer?.grantId ?? []),
    async (id) => {
      const grant = await store.grants.get(TENANT, id);
      if (grant !== undefined) grants.set(id, grant);
    },
  );
  const messages = since === 0 ? await toldOf(services) : undefined;
  return { slots, records, grants, messages };
}

async function newerThan({ store, now }: Opened, since: number): Promise<Upload[]> {
  const found: Upload[] = [];
  for (let before: string | undefined; ; before = found.at(-1)?.id) {
    const query = { limit: since === 0 ? PAGE : 100, now: now(), ...(before !== undefined && { before }) };
    const page = await store.uploads.list(TENANT, query);
    found.push(...page);
    if (page.length < query.limit || (page.at(-1)?.createdAt ?? 0) < since) break;
  }
  return found.filter(({ createdAt }) => createdAt >= since);
}

async function storedSlot({ store, wrapper }: Opened, upload: Upload): Promise<StoredSlot> {
  const { id, filename: marker, state, urlEndsAt } = upload;
  const current = await store.keys.get(id, upload.generation);
  const key =
    current &&
    (await wrapper.unwrap(current.wrapped, placeOf(upload, current.generation)).catch((error: unknown) => {
      if (error instanceof KeyNotMine || error instanceof KeyRefused) return undefined;
      throw error;
    }));
  return { id, marker, state, urlEndsAt, customerKey: key?.bytes().toString('base64') };
}

/** Messages that a killed replica had in hand go now, in place of waiting for the end of their leases. */
export async function endLeases({ store, now }: Opened): Promise<void> {
  const pending = await store.outbox.list({ tenant: TENANT, state: 'pending', limit: PAGE });
  await store.outbox.replay({ ids: pending.map(({ id }) => id) }, now());
}

async function toldOf({ store }: Opened): Promise<string[]> {
  const ids: string[] = [];
  for (let before: string | undefined; ;) {
    const page = await store.outbox.list({
      tenant: TENANT,
      limit: PAGE,
      ...(before !== undefined && { before }),
    });
    ids.push(...page.filter(({ type }) => type === 'upload.uploaded').map(({ uploadId }) => uploadId));
    if (page.length < PAGE) return ids;
    before = page.at(-1)?.id;
  }
}
