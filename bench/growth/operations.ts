import type { Store } from '../../src/store/port.ts';
import type { UploadState } from '../../src/uploads/upload.ts';
import { newSlot, quotasOf, recordOf } from './rows.ts';
import { PRINCIPAL, recordKey, TENANT } from './shape.ts';

/** One use case of the store, as often as it is called. */
export interface Operation {
  readonly name: string;
  readonly run: () => Promise<unknown>;
  /** Measured less often, as each call changes many slots. */
  readonly isHeavy?: true;
}

/** Ids that are in the store. */
export interface Known {
  /** Slots of all ages. */
  readonly any: readonly string[];
  /** Open ones, with an idempotency record each. */
  readonly open: readonly string[];
  /** May leave the store. */
  readonly purgeable: readonly string[];
  /** An id of the tenant with half of its slots before it. */
  readonly middle: string;
}

const PAGE = 50;
const CLAIM = 100;
const DAY_MS = 86_400_000;

/** @param now as of when the store was filled, so that no open slots have run out meanwhile that no job has noted. */
export function operationsOn(
  { uploads, keys }: Store,
  { any, open, purgeable, middle }: Known,
  now: () => number,
): Operation[] {
  const pick = (of = any): string => of[Math.floor(Math.random() * of.length)] ?? '';
  const pages = (name: string, state?: UploadState): Operation[] =>
    [undefined, middle].map((before) => ({
      name: `list ${name}, ${before === undefined ? 'first page' : 'a page in the middle'}`,
      run: () =>
        uploads.list(TENANT, {
          limit: PAGE,
          now: now(),
          ...(state === undefined ? {} : { state }),
          ...(before === undefined ? {} : { before }),
        }),
    }));
  let purged = 0;
  return [
    { name: 'create a slot', run: () => uploads.insert([newSlot(now())], undefined, now()) },
    {
      name: 'create a slot, Idempotency-Key',
      run: () => {
        const slot = newSlot(now());
        return uploads.insert([slot], recordOf(slot, now()), now());
      },
    },
    ...[TENANT, 'tenant-with-few'].map((tenant) => ({
      name: `create a slot, Idempotency-Key and quotas, ${tenant === TENANT ? 'all open slots' : 'few open slots'}`,
      run: () => {
        const slot = newSlot(now(), tenant);
        return uploads.insert([slot], recordOf(slot, now()), now(), undefined, quotasOf(tenant));
      },
    })),
    {
      name: 'create 100 slots in a batch',
      isHeavy: true,
      run: () =>
        uploads.insert(
          Array.from({ length: 100 }, () => newSlot(now())),
          undefined,
          now(),
        ),
    },
    {
      name: 'find a replay',
      run: () => uploads.findIdempotent(TENANT, PRINCIPAL, recordKey(pick(open)), now()),
    },
    { name: 'get a slot', run: () => uploads.get(TENANT, pick()) },
    { name: 'get its key', run: () => keys.get(pick(), 1) },
    { name: 'a new request (extend)', run: () => uploads.extend([pick(open)], now() + 900_000) },
    {
      name: 'note an upload (update)',
      run: () => uploads.update(pick(), ['uploaded'], { etag: '"00000000000000000000000000000000"' }),
    },
    ...pages('without a state'),
    ...pages('uploaded', 'uploaded'),
    ...pages('issued', 'issued'),
    ...pages('expired', 'expired'),
    ...pages('rejected', 'rejected'),
    ...pages('deleting', 'deleting'),
    ...pages('deleted', 'deleted'),
    {
      name: 'claim 100 that are due',
      isHeavy: true,
      run: async () => {
        const claimed = await uploads.claimDue(now(), now() + DAY_MS, CLAIM);
        if (claimed.length < CLAIM) throw new Error('too few were due');
      },
    },
    {
      name: 'purge a slot',
      run: async () => {
        const id = purgeable[purged++];
        if (id === undefined || !(await uploads.purge(id))) throw new Error('there was nothing to purge');
      },
    },
    {
      name: 'drop ended idempotency records',
      run: () => uploads.dropEndedIdempotency(now() - DAY_MS, 1_000),
    },
  ];
}
