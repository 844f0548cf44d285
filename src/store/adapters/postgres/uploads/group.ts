import { onceSoon } from '../../once-soon.ts';
import { DependencyUnavailable } from '../../../../errors.ts';
import type { IdempotencyRecord } from '../../../port.ts';
import { oneAtATime } from '../one-at-a-time.ts';
import { nameOf } from './idempotency.ts';
import type { InsertCall, Verdict } from './settle.ts';

/** One, and one more behind a group that takes long. */
const GROUPS_AT_ONCE = 2;
/** Slots in a group, unless a single call has more: the time of one commit stays bounded. */
const SLOTS_IN_A_GROUP = 1000;
const ATTEMPTS = 5;

interface Waiting {
  readonly call: InsertCall;
  readonly identity: string | undefined;
  attempts: number;
  done(record: IdempotencyRecord | undefined): void;
  fail(error: unknown): void;
}

/**
 * Group commit: calls that come while others are being committed are stored together by the next commit, so that the disk is waited for
 * once for all of them. A call that comes alone waits for nobody.
 * @param settle stores what several calls ask for; no two of them have one idempotency identity.
 */
export function groupCommit(
  settle: (calls: readonly InsertCall[]) => Promise<readonly Verdict[]>,
): (call: InsertCall) => Promise<IdempotencyRecord | undefined> {
  let waiting: Waiting[] = [];
  /** Identities under way: a second call with one waits here, and not in the database with its whole group. */
  const busy = new Set<string>();

  function nextGroup(): Waiting[] {
    const group: Waiting[] = [];
    const rest: Waiting[] = [];
    let slots = 0;
    for (const one of waiting) {
      const fits = group.length === 0 || slots + one.call.slots.length <= SLOTS_IN_A_GROUP;
      if (!fits || (one.identity !== undefined && busy.has(one.identity))) {
        rest.push(one);
        continue;
      }
      group.push(one);
      slots += one.call.slots.length;
      if (one.identity !== undefined) busy.add(one.identity);
    }
    waiting = rest;
    return group;
  }

  async function commit(group: readonly Waiting[], ended: () => void): Promise<void> {
    try {
      const verdicts = await settle(group.map(({ call }) => call));
      group.forEach((one, n) => {
        end(one, verdicts[n] ?? { kind: 'again' });
      });
    } catch (error) {
      for (const one of group) one.fail(error);
    } finally {
      for (const { identity } of group) if (identity !== undefined) busy.delete(identity);
      ended();
    }
  }

  function end(one: Waiting, verdict: Verdict): void {
    if (verdict.kind === 'stored') one.done(undefined);
    else if (verdict.kind === 'replay') one.done(verdict.record);
    else if (verdict.kind === 'refused') one.fail(verdict.error);
    else if (one.attempts < ATTEMPTS) {
      one.attempts += 1;
      waiting.unshift(one);
    } else one.fail(new DependencyUnavailable('store', new Error('others were in the way, again and again')));
  }

  const pump = oneAtATime((ended) => {
    const group = nextGroup();
    if (group.length > 0) void commit(group, ended);
    return group.length > 0;
  }, GROUPS_AT_ONCE);
  const pumpSoon = onceSoon(pump);

  return (call) =>
    new Promise((done, fail) => {
      const { idempotency } = call;
      const identity = idempotency && nameOf(idempotency);
      waiting.push({ call, identity, attempts: 1, done, fail });
      pumpSoon();
    });
}
