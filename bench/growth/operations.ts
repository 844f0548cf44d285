import { randomBytes } from 'node:crypto';
import type { Store } from '../../src/store/port.ts';
import type { UploadState } from '../../src/uploads/upload.ts';
import { newSlot, quotasOf, recordOf } from './rows.ts';
import { API_KEYS, apiKeyId, DAY_MS, INTERMEDIATE_ID, PRINCIPAL, TENANT } from './shape.ts';

/** One use case of the store, as often as it is called. */
export interface Operation {
  readonly name: string;
  readonly run: () => Promise<unknown>;
  /** Of one measurement: how often it is called, and how many calls are under way. */
  readonly calls: number;
  readonly atOnce: number;
}

/** What is in the store. */
export interface Known {
  /** Slots of all ages. */
  readonly any: readonly string[];
  /** The newest. */
  readonly recent: readonly string[];
  /** Open ones, with an idempotency record each. */
  readonly open: readonly string[];
  /** Of records of `PRINCIPAL` that have not ended. */
  readonly recordKeys: readonly string[];
  /** May leave the store. */
  readonly purgeable: readonly string[];
  /** An id of the tenant with half of its slots before it. */
  readonly middle: string;
}

const PAGE = 50;
const CLAIM = 100;
const REWRAP = 100;
/** As many connections as ask at once in the load. */
const AT_ONCE = 64;

const READ = { calls: 200, atOnce: 1 };
const WRITE = { calls: 40, atOnce: 1 };
const MANY = { calls: 8 * AT_ONCE, atOnce: AT_ONCE };
/** Each call changes or reads many slots. */
const HEAVY = { calls: 5, atOnce: 1 };

/** @param at as of when the store was filled, so that no open slots have run out meanwhile that no job has noted. */
export function operationsOn({ uploads, keys, apiKeys }: Store, known: Known, at: number): Operation[] {
  const { any, recent, open, recordKeys, purgeable, middle } = known;
  const pick = (of: readonly string[]): string => of[Math.floor(Math.random() * of.length)] ?? '';
  const found = async <T>(looked: Promise<T | undefined>): Promise<T> => {
    const value = await looked;
    if (value === undefined) throw new Error('it was not found');
    return value;
  };
  const pages = (name: string, state?: UploadState): Operation[] =>
    [undefined, middle].map((before) => ({
      ...{ ...READ, calls: 50 },
      name: `list ${name}, ${before === undefined ? 'first page' : 'a page in the middle'}`,
      run: () =>
        uploads.list(TENANT, {
          limit: PAGE,
          now: at,
          ...(state === undefined ? {} : { state }),
          ...(before === undefined ? {} : { before }),
        }),
    }));
  const create = () => uploads.insert([newSlot(at)], undefined, at);
  const createOnce = (tenant = TENANT, quotas?: ReturnType<typeof quotasOf>) => {
    const slot = newSlot(at, tenant);
    return uploads.insert([slot], recordOf(slot, at), at, undefined, quotas);
  };
  let purged = 0;
  // Later each time, also than in an earlier run: what changes nothing writes nothing.
  let extended = 900_000;
  // What was claimed is due again as soon as all others had their turn: a queue that never empties.
  let claims = 0;
  return [
    // First, while what is open is what was filled in: that is what is counted.
    ...[TENANT, 'tenant-with-few'].map((tenant) => ({
      ...WRITE,
      name: `create a slot, Idempotency-Key and quotas, ${tenant === TENANT ? 'all open slots' : 'few open slots'}`,
      run: () => createOnce(tenant, quotasOf(tenant)),
    })),
    { ...MANY, name: `create a slot, ${AT_ONCE} at once`, run: create },
    { ...MANY, name: `create a slot, Idempotency-Key, ${AT_ONCE} at once`, run: () => createOnce() },
    { ...WRITE, name: 'create a slot', run: create },
    {
      ...HEAVY,
      name: 'create 100 slots in a batch',
      run: () =>
        uploads.insert(
          Array.from({ length: 100 }, () => newSlot(at)),
          undefined,
          at,
        ),
    },
    {
      ...READ,
      name: 'find a replay',
      run: () => found(uploads.findIdempotent(TENANT, PRINCIPAL, pick(recordKeys), at)),
    },
    {
      ...READ,
      name: 'find an API key',
      run: () => found(apiKeys.find(apiKeyId(Math.floor(Math.random() * API_KEYS)))),
    },
    { ...READ, name: 'get a slot, of the newest', run: () => found(uploads.get(TENANT, pick(recent))) },
    { ...READ, name: 'get a slot, of any age', run: () => found(uploads.get(TENANT, pick(any))) },
    { ...READ, name: 'get its key, of the newest', run: () => found(keys.get(pick(recent), 1)) },
    { ...READ, name: 'get its key, of any age', run: () => found(keys.get(pick(any), 1)) },
    {
      ...WRITE,
      name: 'a new request (extend)',
      run: () => uploads.extend([pick(open)], Date.now() + (extended += 1)),
    },
    {
      ...WRITE,
      name: 'note an upload (update)',
      run: () => uploads.update(pick(recent), ['uploaded'], { etag: `"${randomBytes(16).toString('hex')}"` }),
    },
    ...pages('without a state'),
    ...pages('uploaded', 'uploaded'),
    ...pages('issued', 'issued'),
    ...pages('expired', 'expired'),
    ...pages('rejected', 'rejected'),
    ...pages('deleting', 'deleting'),
    ...pages('deleted', 'deleted'),
    {
      ...HEAVY,
      name: `claim ${CLAIM} that are due`,
      run: async () => {
        claims += 1;
        const claimed = await uploads.claimDue(at + 2 * claims, at + 2 * claims + 1, CLAIM);
        if (claimed.length < CLAIM) throw new Error('too few were due');
      },
    },
    {
      ...HEAVY,
      name: `a page of ${REWRAP} keys to rewrap`,
      run: async () => {
        const after = { uploadId: pick(any), generation: 1 };
        const wrappedBy = { wrapperId: 'intermediate', kekId: INTERMEDIATE_ID };
        await keys.page({ wrappedBy, after, limit: REWRAP });
      },
    },
    {
      ...HEAVY,
      name: 'purge a slot',
      run: async () => {
        const id = purgeable[purged++];
        if (id === undefined || !(await uploads.purge(id))) throw new Error('there was nothing to purge');
      },
    },
    {
      ...WRITE,
      name: 'drop ended idempotency records',
      run: () => uploads.dropEndedIdempotency(at - DAY_MS, 1_000),
    },
  ];
}
