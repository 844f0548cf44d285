import assert from 'node:assert/strict';
import fc from 'fast-check';
import { takeEvents } from '../../../src/events/intake.ts';
import { issueBatch } from '../../../src/uploads/batch.ts';
import { completeUpload } from '../../../src/uploads/complete.ts';
import { findLiveUpload } from '../../../src/uploads/find.ts';
import { issueUpload, type IssuedSlot, type UploadAsk } from '../../../src/uploads/issue.ts';
import { listParts } from '../../../src/uploads/parts.ts';
import { requestAgain } from '../../../src/uploads/reissue.ts';
import { removeUpload } from '../../../src/uploads/remove.ts';
import { handOut, land, sendParts } from './clients.ts';
import { eventOf, EVENT_FORMS } from './events.ts';
import { DAY, HOUR, MARGIN } from './life.ts';
import { FAULTS } from './s3.ts';
import type { World } from './world.ts';

const MIB = 1024 ** 2;
const PLAIN = { contentType: 'text/plain', filename: 'ü & b.txt' };
const KINDS = {
  PUT: { ...PLAIN, size: 5 },
  POST: { ...PLAIN, size: 5, method: 'POST' },
  multipart: { ...PLAIN, size: 2 * MIB + 7, partSize: MIB, method: 'multipart' },
  checked: { ...PLAIN, size: MIB + 7, partSize: MIB, method: 'multipart', crc32c: 'AAAAAA==' },
} as const satisfies Record<string, UploadAsk>;
type Kind = keyof typeof KINDS;
const A_DAY = 24 * HOUR;

/** What a command does, from arguments that shrink. */
type Act = (world: World) => Promise<void>;
interface Move {
  readonly name: string;
  readonly act: Act;
}

export class Command implements fc.AsyncCommand<object, World> {
  readonly #moves: readonly Move[];

  constructor(moves: readonly Move[]) {
    this.#moves = moves;
  }

  check(): boolean {
    return true;
  }

  run(_model: object, world: World): Promise<void> {
    return world.step(async () => {
      await Promise.all(this.#moves.map(({ act }) => act(world)));
    });
  }

  toString(): string {
    return this.#moves.map(({ name }) => name).join(' ∥ ');
  }
}

const move = <T>(name: string, args: fc.Arbitrary<T>, act: (world: World, args: T) => Promise<void>) =>
  args.map((given): Move => ({
    name: `${name} ${fc.stringify(given)}`,
    act: (world) => act(world, given),
  }));
const of = fc.constantFrom;
type Slots = fc.Arbitrary<number>;
const slot = fc.nat(7);

const issueOne = move(
  'issue',
  fc.record({
    kind: of<Kind[]>('PUT', 'PUT', 'POST', 'multipart', 'multipart', 'checked'),
    once: fc.boolean(),
    life: of(1, 900, 3600),
  }),
  async (world, { kind, once, life }) => {
    const ask: UploadAsk = { ...KINDS[kind], expiresInSeconds: life };
    const name = once ? `${kind}-${life}` : undefined;
    const { services } = world.life;
    const issued = await world.ask(() => issueUpload(services, world.as('maker'), ask, name));
    if ('value' in issued) issuedFor(world, name, [issued.value], issued.value.replayed);
    else if (issued.code !== 'upload_deleted') forgetOnce(world, name);
  },
);

const issueMany = move('batch', fc.record({ once: fc.boolean() }), async (world, { once }) => {
  const asks = [KINDS.PUT, KINDS.POST, KINDS.multipart, { ...KINDS.PUT, expiresInSeconds: 60 }];
  const name = once ? 'batch' : undefined;
  const issued = await world.ask(() => issueBatch(world.life.services, world.as('maker'), asks, name));
  if ('value' in issued) issuedFor(world, name, issued.value.slots, issued.value.replayed);
  else if (issued.code !== 'upload_deleted') forgetOnce(world, name);
});

function issuedFor(
  world: World,
  name: string | undefined,
  slots: readonly IssuedSlot[],
  replayed: boolean,
): void {
  for (const { upload, request } of slots) handOut(world, upload, request);
  if (name === undefined) {
    assert.ok(!replayed);
    return;
  }
  const ids = slots.map(({ upload }) => upload.id);
  const earlier = world.idempotent.get(name);
  if (earlier !== undefined && world.clock.now < earlier.at + A_DAY) {
    assert.deepEqual(ids, earlier.ids, 'another slot for the same Idempotency-Key');
    assert.ok(replayed);
  } else world.idempotent.set(name, { ids, at: world.clock.now });
}

/** An answer that was lost leaves open since when the key is known. */
function forgetOnce(world: World, name: string | undefined): void {
  const earlier = world.idempotent.get(name ?? '');
  if (name !== undefined && earlier !== undefined && world.clock.now >= earlier.at + A_DAY)
    world.idempotent.delete(name);
}

const again = (slot: Slots) =>
  move('request', slot, async (world, index) => {
    const known = world.slotAt(index);
    if (known === undefined) return;
    const { services } = world.life;
    const answer = await world.ask(async () =>
      requestAgain(services, world.as('maker'), await findLiveUpload(services, world.as('maker'), known.id)),
    );
    if ('value' in answer) handOut(world, answer.value.upload, answer.value.request);
  });

const send = move(
  'send',
  fc.record({ slot, url: fc.nat(3), right: of(true, true, false), late: fc.boolean() }),
  async (world, { slot: index, url, right: isRight, late }) => {
    const known = world.slotAt(index);
    const urls = known?.handed.filter(({ endsAt }) => world.clock.now < endsAt) ?? [];
    const handed = urls[url % Math.max(urls.length, 1)];
    if (known === undefined || handed === undefined) return;
    if (late) world.bodies.push({ slot: known, handed, isRight });
    else land(world, { slot: known, handed, isRight });
  },
);

const arrive = move('arrive', fc.nat(7), async (world, index) => {
  const [body] = world.bodies.splice(index % Math.max(world.bodies.length, 1), 1);
  if (body !== undefined) land(world, body);
});

const parts = (slot: Slots) =>
  move(
    'parts',
    fc.record({
      slot,
      which: fc.oneof(fc.constant('missing' as const), fc.subarray([1, 2, 3])),
      right: of(true, true, true, false),
      late: of(false, false, true),
    }),
    async (world, { slot: index, which, right, late }) => {
      const known = world.slotAt(index);
      if (known !== undefined) await sendParts(world, known, { which, isRight: right, isLate: late });
    },
  );

const complete = (slot: Slots) =>
  move('complete', slot, async (world, index) => {
    const known = world.slotAt(index);
    if (known === undefined) return;
    const { services } = world.life;
    await world.ask(async () => {
      const upload = await completeUpload(
        services,
        await findLiveUpload(services, world.as('stranger'), known.id),
      );
      assert.equal(upload.state, 'uploaded');
    });
  });

const list = move('list', slot, async (world, index) => {
  const known = world.slotAt(index);
  const { services } = world.life;
  await world.ask(() => services.store.uploads.list(world.tenant, { limit: 10, now: world.clock.now }));
  if (known === undefined) return;
  await world.ask(async () =>
    listParts(services, await findLiveUpload(services, world.as('maker'), known.id)),
  );
});

const remove = (slot: Slots) =>
  move(
    'remove',
    fc.record({ slot, by: of('maker', 'deleter', 'deleter', 'stranger', 'foreigner') }),
    async (world, { slot: index, by }) => {
      const known = world.slotAt(index);
      if (known === undefined) return;
      const principal = by === 'foreigner' ? world.foreigner : world.as(by);
      const answer = await world.ask(() => removeUpload(world.life.services, principal, known.id));
      if (by === 'stranger' || by === 'foreigner') assert.ok('code' in answer, `a ${by} removed a slot`);
    },
  );

const event = (slot: Slots) =>
  move(
    'event',
    fc.record({ slot, form: of(...EVENT_FORMS), times: of(1, 10), foreign: of(false, false, true) }),
    async (world, { slot: index, form, times, foreign }) => {
      const body = eventOf(form, world.slotAt(index), times);
      const principal = foreign ? world.foreigner : world.as('maker');
      const answer = await world.ask(() => takeEvents(world.life.services, principal, body));
      if (foreign && 'value' in answer) assert.equal(answer.value, 0, 'a hint by a foreign tenant');
    },
  );

const pass = move('pass', fc.constant(1), (world) => world.life.jobs.runOnce());

const later = move(
  'later',
  of(1_000, 60_000, 15 * 60_000, HOUR, 2 * HOUR, DAY - 1, DAY, 3 * DAY, 5 * DAY, 40 * DAY),
  async (world, ms) => void (world.clock.now += ms),
);

/** To the moment that matters most: when the last URL, or an earlier one, can bring nothing more. Then the job may look. */
const due = move(
  'due',
  fc.record({
    slot,
    url: fc.nat(3),
    early: of(0, 0, 1),
    margin: fc.boolean(),
    looks: of(0, 1, 1, 2),
    fault: fc.nat(5),
  }),
  async (world, { slot: index, url, early, margin, looks, fault: nth }) => {
    const known = world.slotAt(index);
    const handed = known?.handed[url % Math.max(known.handed.length, 1)];
    if (handed === undefined) return;
    const at = handed.endsAt + (margin ? MARGIN : 0) + 1_000 - early;
    world.clock.now = Math.max(world.clock.now, Math.ceil(at));
    if (nth > 2) world.s3.fault('a call fails', nth);
    for (let look = 0; look < looks; look += 1) await world.life.jobs.runOnce();
  },
);

const fault = move(
  's3',
  fc.record({ name: of('none', ...FAULTS), nth: fc.integer({ min: 1, max: 4 }) }),
  async (world, { name, nth }) => world.s3.fault(name, nth),
);

const crash = move(
  'crash',
  fc.record({ at: fc.integer({ min: 1, max: 9 }), when: of('before', 'after') }),
  async (world, { at, when }) => world.life.crashAt(at, when),
);

/** The bucket's own rule aborts what is unfinished; or what S3 was sent is not what was announced. */
const meddle = move(
  'meddle',
  fc.record({ slot, abort: fc.boolean() }),
  async (world, { slot: index, abort }) => {
    const known = world.slotAt(index);
    for (const id of world.s3.unfinished.get(known?.objectKey ?? '') ?? []) {
      const upload = world.s3.uploads.get(id);
      if (abort) world.s3.forget(known?.objectKey ?? '', id);
      else if (upload !== undefined) upload.whole = 'another';
    }
  },
);

/** Two calls at once, mostly about the same slot. */
const pairs = fc.nat(4).chain((index) => {
  const on = fc.constant(index);
  const calls = fc.oneof(issueOne, again(on), parts(on), complete(on), remove(on), event(on), pass);
  return fc.tuple(calls, calls).map((two) => new Command(two));
});
const alone = (moves: fc.Arbitrary<Move>) => moves.map((one) => new Command([one]));

export const commands: fc.Arbitrary<Command>[] = [
  alone(issueOne),
  alone(issueOne),
  alone(issueMany),
  alone(again(slot)),
  alone(send),
  alone(send),
  alone(arrive),
  alone(arrive),
  alone(parts(slot)),
  alone(parts(slot)),
  alone(complete(slot)),
  alone(complete(slot)),
  alone(list),
  alone(remove(slot)),
  alone(event(slot)),
  alone(pass),
  alone(pass),
  alone(later),
  alone(later),
  alone(later),
  alone(fault),
  alone(due),
  alone(due),
  alone(crash),
  alone(meddle),
  pairs,
  pairs,
  pairs,
];
