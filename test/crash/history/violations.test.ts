import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Acknowledgement, Ask, Call, History, Order, Told } from './history.ts';
import { RULES, violationsOf, type Stored, type StoredSlot } from './violations.ts';

const [KEY_A, KEY_B, KEY_C] = ['QQ==', 'Qg==', 'Qw=='];
const END = 1_000_000;

/** A history as it should be, in which each kind of call was answered, and one of each cut off. */
function good(): { history: History; stored: Stored } {
  const plain = order('plain');
  const keyed = order('keyed', { idempotencyKey: 'k1' });
  const batch = order('batch', { count: 2, idempotencyKey: 'k2' });
  const lost = order('lost');
  const granted = order('granted', { grantId: 'g1' });
  const tooMany = order('too-many', { grantId: 'g1', count: 2 });
  const kept = order('kept', { idempotencyKey: 'k3' });
  const calls: Call[] = [
    call(1, { kind: 'create', order: plain }, 'plain', 201, [told('s1', KEY_A)]),
    call(3, { kind: 'request', slotId: 's1' }, 'plain', 200, [told('s1', KEY_A, END + 5)]),
    call(5, { kind: 'create', order: keyed }, 'keyed', 201, [told('s2', KEY_B)]),
    call(7, { kind: 'create', order: keyed }, 'keyed', 201, [told('s2', KEY_B)], { isReplay: true }),
    call(9, { kind: 'complete', slotId: 's2' }, 'keyed', 200, [{ slotId: 's2', state: 'uploaded' }]),
    call(11, { kind: 'create', order: batch }, 'batch', 201, [told('s3', KEY_C), told('s4', 'RA==')]),
    call(13, { kind: 'remove', slotId: 's3' }, 'batch', 202, [{ slotId: 's3', state: 'deleting' }]),
    call(15, { kind: 'mint', count: 1 }, 'grant', 201, [], { grantId: 'g1' }),
    call(17, { kind: 'create', order: granted }, 'grant', 201, [told('s5', 'RQ==')]),
    call(19, { kind: 'create', order: tooMany }, 'grant', 403, [], { code: 'grant_exhausted' }),
    call(21, { kind: 'create', order: kept }, 'kept', 201, [told('s6', 'Rg==')]),
    call(23, { kind: 'remove', slotId: 's6' }, 'kept', 202, [{ slotId: 's6', state: 'deleting' }]),
    call(25, { kind: 'create', order: kept }, 'kept', 404, [], { code: 'upload_deleted' }),
    call(31, { kind: 'create', order: order('away') }, 'away', 503, [], { code: 'x', hasRetryAfter: true }),
    { ask: { kind: 'create', order: lost }, unit: 'lost', replica: 0, beganAt: 40, cutOffAt: 42 },
  ];
  return {
    history: { calls, kills: [{ replica: 0, at: 41 }], outages: [{ from: 30, to: 33 }] },
    stored: {
      slots: [
        slot('s1', 'plain', KEY_A, { urlEndsAt: END + 5 }),
        slot('s2', 'keyed', KEY_B, { state: 'uploaded' }),
        slot('s3', 'batch', KEY_C, { state: 'deleting' }),
        slot('s4', 'batch', 'RA=='),
        slot('s5', 'granted', 'RQ=='),
        slot('s6', 'kept', 'Rg==', { state: 'deleting' }),
        slot('s7', 'lost', 'Rw=='),
      ],
      keysWithoutSlot: [],
      records: new Map([
        ['k1', ['s2']],
        ['k2', ['s3', 's4']],
        ['k3', ['s6']],
      ]),
      grants: new Map([['g1', { count: 1, used: 1 }]]),
      messages: ['s2'],
    },
  };
}

function order(marker: string, more: Partial<Order> = {}): Order {
  return { marker, count: 1, method: 'PUT', idempotencyKey: undefined, grantId: undefined, ...more };
}

function call(
  beganAt: number,
  ask: Ask,
  unit: string,
  status: number,
  slots: Told[],
  more: Partial<Acknowledgement> = {},
): Call {
  return { ask, unit, replica: 0, beganAt, answer: { at: beganAt + 1, status, slots, ...more } };
}

function told(slotId: string, customerKey = '', urlEndsAt = END): Told {
  return { slotId, state: 'issued', customerKey, urlEndsAt };
}

function slot(id: string, marker: string, key = '', more: Partial<StoredSlot> = {}): StoredSlot {
  return { id, marker, state: 'issued', urlEndsAt: END, customerKey: key, ...more };
}

type Case = ReturnType<typeof good>;

const withSlot = ({ history, stored }: Case, id: string, change: Partial<StoredSlot> | undefined): Case => ({
  history,
  stored: {
    ...stored,
    slots: stored.slots.flatMap((one) =>
      one.id !== id ? [one] : change === undefined ? [] : [{ ...one, ...change }],
    ),
  },
});

const withStored = ({ history, stored }: Case, change: Partial<Stored>): Case => ({
  history,
  stored: { ...stored, ...change },
});

const withSlots = (one: Case, ...more: StoredSlot[]): Case =>
  withStored(one, { slots: [...one.stored.slots, ...more] });

const withCall = ({ history, stored }: Case, ...more: Call[]): Case => ({
  history: { ...history, calls: [...history.calls, ...more] },
  stored,
});

const withRecord = (one: Case, key: string, ids: string[] | undefined): Case => {
  const records = new Map(one.stored.records);
  if (ids === undefined) records.delete(key);
  else records.set(key, ids);
  return withStored(one, { records });
};

const replayOf = (marker: string, key: string, slots: Told[], isReplay = true): Call =>
  call(50, { kind: 'create', order: order(marker, { idempotencyKey: key }) }, marker, 201, slots, {
    isReplay,
  });

/** What each rule must refuse; the first is what the rule is named after. */
const VIOLATIONS: readonly (readonly [(typeof RULES)[number], string, (one: Case) => Case])[] = [
  ['lost slot', 'of a lone slot', (one) => withSlot(one, 's1', undefined)],
  ['lost slot', 'of a batch', (one) => withSlot(one, 's4', undefined)],
  ['lost slot', 'made by a grant', (one) => withSlot(one, 's5', undefined)],
  ['other key', 'in the store', (one) => withSlot(one, 's1', { customerKey: 'Wg==' })],
  [
    'other key',
    'in a new request',
    (one) => withCall(one, call(50, { kind: 'request', slotId: 's1' }, 'plain', 200, [told('s1', 'Wg==')])),
  ],
  [
    'other key',
    'in two requests for parts of a slot whose key is gone',
    (one) =>
      withCall(
        withSlot(one, 's1', { customerKey: undefined }),
        call(50, { kind: 'parts', slotId: 's1' }, 'plain', 200, [told('s1', 'Wg==')]),
      ),
  ],
  ['half slot', 'a slot without its key', (one) => withSlot(one, 's4', { customerKey: undefined })],
  ['half slot', 'of a call that was not answered', (one) => withSlot(one, 's7', { customerKey: undefined })],
  ['half slot', 'a key without its slot', (one) => withStored(one, { keysWithoutSlot: ['s9'] })],
  [
    'part of an order',
    'of a batch that was cut off',
    (one) =>
      withSlots(
        {
          ...withCall(one, {
            ...{ ask: { kind: 'create', order: order('half', { count: 3 }) }, unit: 'half', replica: 0 },
            ...{ beganAt: 40, cutOffAt: 42 },
          }),
        },
        slot('s8', 'half', 'SA=='),
      ),
  ],
  ['more than ordered', 'of one call', (one) => withSlots(one, slot('s8', 'plain', 'SA=='))],
  ['more than ordered', 'for one Idempotency-Key', (one) => withSlots(one, slot('s8', 'keyed', 'SA=='))],
  ['more than ordered', 'of a call that was cut off', (one) => withSlots(one, slot('s8', 'lost', 'SA=='))],
  ['nobody’s slot', 'that nobody asked for', (one) => withSlots(one, slot('s8', 'unknown', 'SA=='))],
  [
    'nobody’s slot',
    'that was refused',
    (one) => withSlots(one, slot('s8', 'too-many', 'SA=='), slot('s9', 'too-many', 'SQ==')),
  ],
  ['shared key', 'of two slots in the store', (one) => withSlot(one, 's7', { customerKey: KEY_A })],
  [
    'shared key',
    'handed out for another slot',
    (one) => withCall(one, call(50, { kind: 'parts', slotId: 's4' }, 'batch', 200, [told('s4', KEY_A)])),
  ],
  ['URL outlives its end', 'by a millisecond', (one) => withSlot(one, 's1', { urlEndsAt: END + 4 })],
  ['went back', 'from uploaded', (one) => withSlot(one, 's2', { state: 'issued' })],
  ['went back', 'from deleting', (one) => withSlot(one, 's3', { state: 'issued' })],
  [
    'went back',
    'behind what a replay told',
    (one) => withCall(one, replayOf('keyed', 'k1', [{ slotId: 's2', state: 'deleting' }])),
  ],
  ['unasked change', 'to uploaded', (one) => withSlot(one, 's1', { state: 'uploaded' })],
  ['unasked change', 'to deleting', (one) => withSlot(one, 's1', { state: 'deleting' })],
  [
    'unasked change',
    'to deleted, before absence could be proven',
    (one) => withSlot(one, 's3', { state: 'deleted' }),
  ],
  ['replay differs', 'in its slot', (one) => withCall(one, replayOf('keyed', 'k1', [told('s1', KEY_A)]))],
  [
    'replay differs',
    'since it is none, after an answer',
    (one) => withCall(one, replayOf('keyed', 'k1', [told('s2', KEY_B)], false)),
  ],
  ['lost record', 'of an acknowledged call', (one) => withRecord(one, 'k1', undefined)],
  ['lost record', 'of half a batch', (one) => withRecord(one, 'k2', ['s3'])],
  ['lost record', 'that names another slot', (one) => withRecord(one, 'k1', ['s1'])],
  ['lost grant', 'that is not there', (one) => withStored(one, { grants: new Map() })],
  [
    'lost grant',
    'of another count',
    (one) => withStored(one, { grants: new Map([['g1', { count: 2, used: 1 }]]) }),
  ],
  [
    'grant overrun',
    'in what was acknowledged',
    (one) =>
      withCall(
        withSlots(one, slot('s8', 'second', 'SA==')),
        call(50, { kind: 'create', order: order('second', { grantId: 'g1' }) }, 'grant', 201, [
          told('s8', 'SA=='),
        ]),
      ),
  ],
  [
    'grant overrun',
    'in what is there',
    (one) =>
      withSlots(
        withCall(one, {
          ...{ ask: { kind: 'create', order: order('second', { grantId: 'g1' }) }, unit: 'grant' },
          ...{ replica: 0, beganAt: 40, cutOffAt: 42 },
        }),
        slot('s8', 'second', 'SA=='),
      ),
  ],
  [
    'grant miscounted',
    'charged for a slot that is not there',
    (one) => withStored(one, { grants: new Map([['g1', { count: 1, used: 0 }]]) }),
  ],
  ['lost message', 'of an acknowledged upload', (one) => withStored(one, { messages: [] })],
  [
    'lost message',
    'of an upload nobody was told of',
    (one) =>
      withSlot(
        withCall(one, {
          ...{ ask: { kind: 'complete', slotId: 's7' }, unit: 'lost', replica: 0 },
          ...{ beganAt: 40, cutOffAt: 42 },
        }),
        's7',
        { state: 'uploaded' },
      ),
  ],
  ['message twice', 'of one upload', (one) => withStored(one, { messages: ['s2', 's2'] })],
  [
    'unexpected answer',
    'a 500',
    (one) => withCall(one, call(50, { kind: 'request', slotId: 's1' }, 'plain', 500, [])),
  ],
  [
    'unexpected answer',
    'a 503 while the database is there',
    (one) =>
      withCall(one, call(50, { kind: 'request', slotId: 's1' }, 'plain', 503, [], { hasRetryAfter: true })),
  ],
  [
    'unexpected answer',
    'a 503 without Retry-After',
    (one) => withCall(one, call(31, { kind: 'request', slotId: 's1' }, 'plain', 503, [])),
  ],
  [
    'unexpected answer',
    'that a grant is exhausted which is not',
    (one) => {
      const mint = call(50, { kind: 'mint', count: 2 }, 'new', 201, [], { grantId: 'g2' });
      const refused = call(
        ...([52, { kind: 'create', order: order('first', { grantId: 'g2' }) }, 'new'] as const),
        403,
        [],
        { code: 'grant_exhausted' },
      );
      const grants = new Map([...one.stored.grants, ['g2', { count: 2, used: 0 }] as const]);
      return withStored(withCall(one, mint, refused), { grants });
    },
  ],
  [
    'unexpected answer',
    'that a slot is deleted which nobody removed',
    (one) =>
      withCall(one, {
        ...replayOf('keyed', 'k1', []),
        answer: { at: 51, status: 404, code: 'upload_deleted', slots: [] },
      }),
  ],
  [
    'unexpected answer',
    'of fewer slots than asked for',
    (one) =>
      withCall(
        one,
        call(
          50,
          { kind: 'create', order: order('batch', { count: 2, idempotencyKey: 'k2' }) },
          'batch',
          201,
          [told('s3', KEY_C)],
        ),
      ),
  ],
  [
    'cut off by nothing',
    'though another replica was killed',
    (one) =>
      withCall(one, {
        ...{ ask: { kind: 'request', slotId: 's1' }, unit: 'plain', replica: 1 },
        ...{ beganAt: 40, cutOffAt: 42 },
      }),
  ],
  [
    'cut off by nothing',
    'before the kill',
    (one) =>
      withCall(one, {
        ...{ ask: { kind: 'request', slotId: 's1' }, unit: 'plain', replica: 0 },
        ...{ beganAt: 35, cutOffAt: 37 },
      }),
  ],
];

describe('the checker of histories', () => {
  it('has nothing against one in which all is right', () => {
    const { history, stored } = good();
    assert.deepEqual(violationsOf(history, stored), []);
  });

  for (const [rule, what, spoil] of VIOLATIONS) {
    it(`refuses: ${rule}, ${what}`, () => {
      const { history, stored } = spoil(good());
      const found = violationsOf(history, stored);
      assert.ok(
        found.some((violation) => violation.rule === rule),
        JSON.stringify(found),
      );
    });
  }

  it('is tried with each of its rules', () => {
    assert.deepEqual([...new Set(VIOLATIONS.map(([rule]) => rule))].sort(), [...RULES].sort());
  });

  it('lets what was cut off or refused with 503 be there, or not', () => {
    const without = withSlot(good(), 's7', undefined);
    assert.deepEqual(violationsOf(without.history, without.stored), []);
    const withAway = withSlots(good(), slot('s8', 'away', 'SA=='));
    assert.deepEqual(violationsOf(withAway.history, withAway.stored), []);
  });

  it('never says a key', () => {
    for (const [, , spoil] of VIOLATIONS) {
      const { history, stored } = spoil(good());
      assert.doesNotMatch(JSON.stringify(violationsOf(history, stored)), /==/);
    }
  });
});
