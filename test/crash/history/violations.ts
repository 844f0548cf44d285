import type { Acknowledgement, Call, History, Order, Told } from './history.ts';

/** What the store says of a slot. */
export interface StoredSlot {
  readonly id: string;
  /** Its filename: the marker of the order that asked for it. */
  readonly marker: string | null;
  readonly state: string;
  readonly urlEndsAt: number;
  /** base64, unwrapped in the slot's place; undefined when there is none, or it does not open. */
  readonly customerKey: string | undefined;
}

/** What the store says after it all: of every slot and grant that the history names, and of every slot that its orders have made. */
export interface Stored {
  readonly slots: readonly StoredSlot[];
  /** Slot ids of keys whose slot is not there. */
  readonly keysWithoutSlot: readonly string[];
  /** Slot ids by Idempotency-Key. */
  readonly records: ReadonlyMap<string, readonly string[]>;
  readonly grants: ReadonlyMap<string, { readonly count: number; readonly used: number }>;
  /** Slot ids of the messages that tell of an upload, one for each; undefined when nobody looked. */
  readonly messages: readonly string[] | undefined;
}

export const RULES = [
  'lost slot',
  'other key',
  'half slot',
  'part of an order',
  'more than ordered',
  'nobody’s slot',
  'shared key',
  'URL outlives its end',
  'went back',
  'unasked change',
  'replay differs',
  'lost record',
  'lost grant',
  'grant overrun',
  'grant miscounted',
  'lost message',
  'message twice',
  'unexpected answer',
  'cut off by nothing',
] as const;

export interface Violation {
  readonly rule: (typeof RULES)[number];
  readonly about: string;
}

/**
 * Where the store, or an answer, contradicts what was acknowledged. A call that was cut off, or refused with 503, may have been carried
 * out or not, but not by half.
 */
export function violationsOf(history: History, stored: Stored): Violation[] {
  const found: Violation[] = [];
  const report = (rule: Violation['rule'], about: string): void => void found.push({ rule, about });
  checkAnswers(history, report);
  checkSlots(history, stored, report);
  checkOrders(history, stored, report);
  checkKeys(history, stored, report);
  checkGrants(history, stored, report);
  checkMessages(history, stored, report);
  return found;
}

type Report = (rule: Violation['rule'], about: string) => void;
type Answered = Call & { readonly answer: Acknowledgement };

const ACKNOWLEDGED: Readonly<Record<Call['ask']['kind'], number>> = {
  create: 201,
  mint: 201,
  request: 200,
  parts: 200,
  complete: 200,
  remove: 202,
};

function isAcknowledged(call: Call): call is Answered {
  return call.answer?.status === ACKNOWLEDGED[call.ask.kind];
}

/** Whether it may have been carried out though nobody was told. */
function isOpen({ answer }: Call): boolean {
  return answer === undefined || answer.status === 503;
}

const ordersOf = (calls: readonly Call[]): Map<string, { order: Order; calls: Call[] }> => {
  const orders = new Map<string, { order: Order; calls: Call[] }>();
  for (const call of calls) {
    if (call.ask.kind !== 'create') continue;
    const { order } = call.ask;
    const entry = orders.get(order.marker) ?? { order, calls: [] };
    entry.calls.push(call);
    orders.set(order.marker, entry);
  }
  return orders;
};

const slotIdsOf = (call: Answered): string[] => call.answer.slots.map(({ slotId }) => slotId);

/** Before a kill, and while the database is there, nothing fails. */
function checkAnswers({ calls, kills, outages }: History, report: Report): void {
  const orders = ordersOf(calls);
  const removals = Map.groupBy(
    calls.filter(({ ask }) => ask.kind === 'remove'),
    ({ unit }) => unit,
  );
  for (const call of calls) {
    const { answer, replica, beganAt, ask } = call;
    if (answer === undefined) {
      const end = call.cutOffAt ?? Infinity;
      if (!kills.some((kill) => kill.replica === replica && kill.at >= beganAt && kill.at <= end))
        report('cut off by nothing', describe(call));
    } else if (!isAcknowledged(call) && !isExcused(call, answer)) {
      report('unexpected answer', `${describe(call)}: ${answer.status} ${answer.code ?? ''}`);
    } else if (isAcknowledged(call) && ask.kind === 'create' && answer.slots.length !== ask.order.count) {
      report('unexpected answer', `${describe(call)}: ${answer.slots.length} slots of ${ask.order.count}`);
    }
  }

  function isExcused(call: Call, { status, code, hasRetryAfter, at }: Acknowledgement): boolean {
    if (status === 503)
      return hasRetryAfter === true && outages.some(({ from, to }) => call.beganAt <= to && at >= from);
    if (call.ask.kind !== 'create') return false;
    const { order } = call.ask;
    if (code === 'upload_deleted')
      return (
        order.idempotencyKey !== undefined &&
        (removals.get(call.unit) ?? []).some((removal) => removal.beganAt <= at)
      );
    if (code !== 'grant_exhausted' || order.grantId === undefined) return false;
    const count = grantCount(calls, order.grantId);
    const others = [...orders.values()].filter(
      (other) =>
        other.order.grantId === order.grantId &&
        other.order.marker !== order.marker &&
        other.calls.some(({ beganAt }) => beganAt <= at),
    );
    return others.reduce((sum, other) => sum + other.order.count, order.count) > count;
  }
}

const grantCount = (calls: readonly Call[], grantId: string): number => {
  const minted = calls.find(({ answer }) => answer?.grantId === grantId);
  return minted?.ask.kind === 'mint' ? minted.ask.count : 0;
};

function checkSlots({ calls }: History, { slots, keysWithoutSlot }: Stored, report: Report): void {
  const byId = new Map(slots.map((slot) => [slot.id, slot]));
  const asked = Map.groupBy(
    calls.flatMap((call) => ('slotId' in call.ask ? [{ ...call, slotId: call.ask.slotId }] : [])),
    ({ slotId }) => slotId,
  );
  for (const call of calls.filter(isAcknowledged)) {
    for (const told of call.answer.slots) {
      const slot = byId.get(told.slotId);
      if (slot === undefined) report('lost slot', `${told.slotId}, told of by ${describe(call)}`);
      else checkTold(slot, told, call);
    }
  }
  for (const slot of slots) {
    if (slot.customerKey === undefined && slot.state !== 'deleted') report('half slot', slot.id);
    const asks = asked.get(slot.id) ?? [];
    const may = (kind: string): boolean => asks.some((call) => call.ask.kind === kind);
    const isReachable =
      slot.state === 'issued' ||
      (slot.state === 'uploaded' && may('complete')) ||
      (slot.state === 'deleting' && may('remove'));
    if (!isReachable) report('unasked change', `${slot.id} is ${slot.state}`);
  }
  for (const id of keysWithoutSlot) report('half slot', `a key of ${id}, which is not there`);

  function checkTold(slot: StoredSlot, told: Told, call: Answered): void {
    if (told.customerKey !== undefined && slot.customerKey !== told.customerKey)
      report('other key', `${slot.id}, told by ${describe(call)}`);
    if (told.urlEndsAt !== undefined && told.urlEndsAt > slot.urlEndsAt)
      report(
        'URL outlives its end',
        `${slot.id}: ${told.urlEndsAt} was handed out, ${slot.urlEndsAt} is stored`,
      );
    const least = Math.max(
      rankOf(told.state ?? 'issued'),
      call.ask.kind === 'complete' ? rankOf('uploaded') : 0,
      call.ask.kind === 'remove' ? rankOf('deleting') : 0,
    );
    if (rankOf(slot.state) < least)
      report('went back', `${slot.id} is ${slot.state} after ${describe(call)}`);
  }
}

const STATES = ['issued', 'uploaded', 'deleting', 'deleted'];
const rankOf = (state: string): number => STATES.indexOf(state);

function checkOrders({ calls }: History, { slots, records }: Stored, report: Report): void {
  const made = Map.groupBy(slots, ({ marker }) => marker);
  const orders = ordersOf(calls);
  for (const [marker, those] of made) {
    if (marker === null || !orders.has(marker))
      report('nobody’s slot', `${those.map(({ id }) => id).join()} (${marker ?? 'no marker'})`);
  }
  for (const { order, calls: attempts } of orders.values()) {
    const { marker, count, idempotencyKey } = order;
    const there = made.get(marker)?.length ?? 0;
    const acknowledged = attempts.filter(isAcknowledged);
    if (there > count) report('more than ordered', `${marker}: ${there} of ${count}`);
    if (there > 0 && there < count) report('part of an order', `${marker}: ${there} of ${count}`);
    if (there > 0 && acknowledged.length === 0 && !attempts.some(isOpen))
      report('nobody’s slot', `${marker} was refused, and is there`);
    checkReplays(marker, acknowledged);
    if (idempotencyKey === undefined || there === 0) continue;
    const recorded = records.get(idempotencyKey) ?? [];
    const ids = acknowledged[0] === undefined ? recorded : slotIdsOf(acknowledged[0]);
    if (recorded.length !== count || recorded.join() !== ids.join())
      report('lost record', `${marker}: ${recorded.join()} in place of ${ids.join()}`);
  }

  /** One answer is the first; what is asked after any answer is a replay of it. */
  function checkReplays(marker: string, acknowledged: readonly Answered[]): void {
    const [first, ...more] = acknowledged;
    if (first === undefined) return;
    for (const other of more) {
      if (slotIdsOf(other).join() !== slotIdsOf(first).join())
        report(
          'replay differs',
          `${marker}: ${slotIdsOf(other).join()} in place of ${slotIdsOf(first).join()}`,
        );
    }
    if (acknowledged.filter(({ answer }) => answer.isReplay !== true).length > 1)
      report('replay differs', `${marker} was made more than once`);
    const earliest = Math.min(...acknowledged.map(({ answer }) => answer.at));
    if (acknowledged.some((call) => call.beganAt > earliest && call.answer.isReplay !== true))
      report('replay differs', `${marker} was made after it had been answered`);
  }
}

/** One key, one slot; and one slot, one key, whoever is told of it and whenever. */
function checkKeys({ calls }: History, { slots }: Stored, report: Report): void {
  const told = calls.filter(isAcknowledged).flatMap(({ answer }) => answer.slots);
  const holders = new Map<string, string>();
  const keys = new Map<string, string>();
  const pairs = [
    ...slots.map(({ id, customerKey }) => [id, customerKey] as const),
    ...told.map(({ slotId, customerKey }) => [slotId, customerKey] as const),
  ];
  for (const [slotId, key] of pairs) {
    if (key === undefined) continue;
    const holder = holders.get(key) ?? slotId;
    if (holder !== slotId) report('shared key', `${holder} and ${slotId}`);
    holders.set(key, holder);
    const known = keys.get(slotId) ?? key;
    if (known !== key) report('other key', `${slotId} has had two`);
    keys.set(slotId, known);
  }
}

function checkGrants({ calls }: History, { slots, grants }: Stored, report: Report): void {
  const perGrant = Map.groupBy(ordersOf(calls).values(), ({ order }) => order.grantId);
  for (const call of calls.filter(isAcknowledged)) {
    const { grantId } = call.answer;
    if (grantId === undefined || call.ask.kind !== 'mint') continue;
    const grant = grants.get(grantId);
    if (grant?.count !== call.ask.count) {
      report('lost grant', `${grantId}, of ${call.ask.count}`);
      continue;
    }
    const orders = perGrant.get(grantId) ?? [];
    const markers = new Set(orders.map(({ order }) => order.marker));
    const acknowledged = new Set(
      orders.flatMap((entry) => entry.calls.filter(isAcknowledged).flatMap(slotIdsOf)),
    );
    const there = slots.filter(({ marker }) => marker !== null && markers.has(marker)).length;
    if (acknowledged.size > grant.count || there > grant.count)
      report('grant overrun', `${grantId}: ${Math.max(acknowledged.size, there)} of ${grant.count}`);
    if (grant.used !== there)
      report('grant miscounted', `${grantId}: ${grant.used} charged, ${there} are there`);
  }
}

/** The commit that makes a slot `uploaded` puts its message into the outbox. */
function checkMessages({ calls }: History, { slots, messages }: Stored, report: Report): void {
  if (messages === undefined) return;
  const count = new Map<string, number>();
  for (const id of messages) count.set(id, (count.get(id) ?? 0) + 1);
  const uploaded = new Set(slots.filter(({ state }) => state === 'uploaded').map(({ id }) => id));
  for (const call of calls.filter(isAcknowledged)) {
    if (call.ask.kind === 'complete') uploaded.add(call.ask.slotId);
  }
  for (const id of uploaded) if (!count.has(id)) report('lost message', id);
  for (const [id, times] of count) if (times > 1) report('message twice', `${id}: ${times} times`);
}

function describe({ ask, replica, beganAt }: Call): string {
  const what = ask.kind === 'create' ? ask.order.marker : 'slotId' in ask ? ask.slotId : `of ${ask.count}`;
  return `${ask.kind} ${what} to replica ${replica} at ${beganAt.toFixed(1)}`;
}
