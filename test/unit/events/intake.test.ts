import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { describe, it } from 'node:test';
import type { Principal } from '../../../src/access/principal.ts';
import { takeEvents } from '../../../src/events/intake.ts';
import type { UploadStore } from '../../../src/store/port.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import type { Json } from '../../support/harness.ts';
import { HOUR, lifeWorld, type LifeWorld } from '../uploads/life-world.ts';

const NAMED = { contentType: 'text/plain', size: 5, filename: 'Käse & Wein + 100%.pdf' };
const principal = (tenant = 'acme'): Principal => ({
  tenant,
  id: 'key:s3',
  scopes: new Set(['events:write']),
});
const GARBAGE = [
  null,
  undefined,
  true,
  0,
  -1,
  NaN,
  '',
  '%',
  '%E0%A4%A',
  '\ud800',
  'x',
  [],
  [[]],
  {},
  () => 1,
];
/** As S3 encodes object keys in records: as in a form. */
const formEncoded = (text: string) => new URLSearchParams({ '': text }).toString().slice(1);

const s3Record = (slot: Json, eventName = 'ObjectCreated:Put') => ({
  eventVersion: '2.1',
  eventName,
  s3: { bucket: { name: slot.bucket }, object: { key: formEncoded(slot.objectKey as string), size: 5 } },
});
const fromS3 = (...slots: Json[]) => ({ Records: slots.map((slot) => s3Record(slot)) });
const fromMinio = (slot: Json) => ({
  EventName: 's3:ObjectCreated:Put',
  Key: `${String(slot.bucket)}/${String(slot.objectKey)}`,
  Records: [s3Record(slot, 's3:ObjectCreated:Put')],
});
const fromEventBridge = (slot: Json) => ({
  version: '0',
  'detail-type': 'Object Created',
  source: 'aws.s3',
  detail: { bucket: { name: slot.bucket }, object: { key: slot.objectKey, size: 5 }, reason: 'PutObject' },
});

/** The service looks at once; `looked` is what it was told to look at. */
async function eventWorld(): Promise<
  LifeWorld & { take(event: unknown, tenant?: string): Promise<number>; looked: Upload[] }
> {
  const w = await lifeWorld();
  const looked: Upload[] = [];
  const services = { ...w.h.services, lookAt: (upload: Upload) => void looked.push(upload) };
  return { ...w, looked, take: (event, tenant) => takeEvents(services, principal(tenant), event) };
}

describe('events from S3', () => {
  for (const [form, eventOf] of Object.entries({ fromS3, fromMinio, fromEventBridge })) {
    it(`${form}: the slot is due at once, and the object proven by HEAD`, async () => {
      await using w = await eventWorld();
      const slot = await w.issue(NAMED);
      assert.match(slot.objectKey as string, /[ %]|[^ -~]/, 'or the encoding does not matter');
      assert.equal(await w.take(eventOf(slot)), 1);
      assert.deepEqual(
        w.looked.map(({ id }) => id),
        [slot.id],
      );
      await w.h.jobs.runOnce();
      assert.equal((await w.stored(slot)).state, 'issued', 'an event alone is no object');
      await w.arrive(slot);
      assert.equal(await w.take(eventOf(slot)), 1);
      await w.h.jobs.runOnce();
      assert.equal((await w.stored(slot)).state, 'uploaded', 'the hint outlives a crash: the pass finds it');
    });
  }

  it('ten times each, in disorder, one settled already: every slot as its object is, told once', async () => {
    await using w = await eventWorld();
    const slots: Json[] = [];
    for (let n = 0; n < 4; n += 1) slots.push(await w.issue({ contentType: 'text/plain', size: 5 }));
    const [right, wrong, absent, settled] = slots;
    await w.arrive(right);
    await w.arrive(wrong, { size: 6 });
    await w.arrive(settled);
    await w.complete(settled);
    const all = Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? slots : slots.toReversed())).flat();
    assert.equal(await w.take(fromS3(...all)), 3, 'one look at each that waits');
    for (const slot of all) {
      await w.take(fromMinio(slot));
      await w.h.jobs.runOnce();
    }
    const states = await Promise.all(slots.map(async (slot) => (await w.stored(slot)).state));
    assert.deepEqual(states, ['uploaded', 'rejected', 'issued', 'uploaded']);
    assert.deepEqual(await Promise.all(slots.map((slot) => w.told(slot))), [
      ['upload.uploaded'],
      ['upload.rejected'],
      [],
      ['upload.uploaded'],
    ]);
    for (const slot of slots) assert.ok(await w.hasKey(slot));
    assert.ok(absent);
  });

  it('a late one makes an expired slot uploaded', async () => {
    await using w = await eventWorld();
    const slot = await w.issue(NAMED);
    w.h.clock.now += 2 * HOUR;
    await w.h.jobs.runOnce();
    await w.arrive(slot);
    assert.equal(await w.take(fromS3(slot)), 1);
    await w.h.jobs.runOnce();
    assert.equal((await w.stored(slot)).state, 'uploaded');
  });

  it('forged, foreign, unknown, of a deleted slot, of another kind: nothing is looked at, nothing changes', async () => {
    await using w = await eventWorld();
    const slot = await w.issue(NAMED);
    const gone = await w.issue(NAMED);
    await w.h.call('DELETE', `/v1/uploads/${String(gone.id)}`, { token: w.token });
    const before = await Promise.all([w.stored(slot), w.stored(gone)]);
    assert.equal(await w.take(fromS3(slot), 'globex'), 0, 'of a foreign tenant');
    for (const event of [
      fromS3(gone),
      fromS3({ ...slot, bucket: 'elsewhere' }),
      fromS3({ ...slot, objectKey: `${String(slot.objectKey)}x` }),
      fromS3({ ...slot, objectKey: slot.id }),
      fromS3({ ...slot, objectKey: 'no/slot/of/ours' }),
      { Records: [s3Record(slot, 'ObjectRemoved:Delete')] },
      { Records: [s3Record(slot, 'ObjectCreated')] },
      { ...fromEventBridge(slot), 'detail-type': 'Object Deleted' },
      { Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: slot.bucket },
    ])
      assert.equal(await w.take(event), 0, JSON.stringify(event));
    assert.deepEqual(w.looked, []);
    assert.deepEqual(await Promise.all([w.stored(slot), w.stored(gone)]), before);
  });

  it('garbage of every type within a form throws nothing', async () => {
    await using w = await eventWorld();
    const slot = await w.issue(NAMED);
    for (const bad of GARBAGE) {
      const records = [
        bad,
        { eventName: bad, s3: { bucket: { name: slot.bucket }, object: { key: slot.objectKey } } },
        { eventName: 'ObjectCreated:Put', s3: bad },
        { eventName: 'ObjectCreated:Put', s3: { bucket: bad, object: bad } },
        { eventName: 'ObjectCreated:Put', s3: { bucket: { name: bad }, object: { key: slot.objectKey } } },
        { eventName: 'ObjectCreated:Put', s3: { bucket: { name: slot.bucket }, object: { key: bad } } },
      ];
      for (const event of [{ Records: records }, { detail: { bucket: bad, object: bad } }])
        assert.equal(await w.take(event), 0);
    }
    const among = { Records: [...GARBAGE, s3Record(slot), ...GARBAGE] };
    assert.equal(await w.take(among), 1, 'the good one among them counts');
  });

  it('what is of no form of S3’s is refused, and told what would be right; their tests are not', async () => {
    await using w = await eventWorld();
    const slot = await w.issue(NAMED);
    const refused: [event: object, path: string][] = [
      [{ records: [s3Record(slot)] }, '/'],
      [{ Type: 'Notification', Message: JSON.stringify(fromS3(slot)) }, '/'],
      [s3Record(slot), '/'],
      [{ Event: 's3:Other' }, '/'],
      ...[null, true, 0, '', 'x', {}].map((bad): [object, string] => [{ Records: bad }, '/Records']),
      ...[null, true, 0, '', 'x', [], undefined].map((bad): [object, string] => [
        { 'detail-type': 'Object Created', detail: bad },
        '/detail',
      ]),
      [{ ...fromEventBridge(slot), 'detail-type': 1 }, '/detail-type'],
      [{ Records: Array.from({ length: 251 }, () => s3Record(slot)) }, '/Records'],
    ];
    const token = await w.h.token('acme', ['events:write'], 's3');
    for (const [body, path] of refused) {
      const answer = await w.h.call('POST', '/v1/events/s3', { token, body });
      assert.deepEqual(
        [answer.status, answer.body.code, answer.body.errors[0].path],
        [400, 'invalid_request', path],
        answer.text,
      );
    }
    assert.equal((await w.stored(slot)).nextCheckAt, w.h.clock.now + 900_000, 'and nothing is due');
    for (const body of [
      {},
      { Records: [] },
      { Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: slot.bucket },
    ]) {
      const answer = await w.h.call('POST', '/v1/events/s3', { token, body });
      assert.deepEqual([answer.status, answer.body], [202, { hints: 0 }]);
    }
  });

  it('250 records are one commit, and others get their turn meanwhile', async () => {
    const w = await eventWorld();
    await using h = w.h;
    const made = await Promise.all(Array.from({ length: 250 }, () => w.issue(NAMED)));
    let commits = 0;
    const { uploads } = h.store;
    const counted: UploadStore = {
      ...uploads,
      update(...args) {
        commits += 1;
        return uploads.update(...args);
      },
      makeDue(...args) {
        commits += 1;
        return uploads.makeDue(...args);
      },
    };
    const looked: string[] = [];
    const services = {
      ...h.services,
      store: { ...h.store, uploads: counted },
      lookAt: ({ id }: Upload) => void looked.push(id),
    };
    let turns = 0;
    const ended = new AbortController();
    const others = (async () => {
      for (; !ended.signal.aborted; turns += 1) await setImmediate();
    })();
    assert.equal(await takeEvents(services, principal(), fromS3(...made)), 250);
    ended.abort();
    await others;
    assert.equal(commits, 1);
    assert.deepEqual(
      looked,
      made.map(({ id }) => id as string),
    );
    assert.ok(turns >= 5, `${turns} turns`);
  });
});
