import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { localWrapper } from '../../src/custody/adapters/local.ts';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import { readKekFile } from '../../src/custody/kek-file.ts';
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts';
import type { Store } from '../../src/store/port.ts';
import { placeOf } from '../../src/uploads/services.ts';
import { kekPath, startService, storePath, type Answer, type Service } from '../support/service.ts';

const KILLS = Number(process.env['SEALSLOT_KILLS'] ?? 100);
const CLIENTS = 8;
/** A round is killed after at most this many acknowledgements. */
const MOST_ACKNOWLEDGED = 80;
const BODY = { filename: 'report.pdf', contentType: 'application/pdf', size: 12_345 };

/** What a client was told of a slot, and what it has asked for since. */
interface Known {
  readonly id: string;
  /** base64, from the request handed out. */
  readonly customerKey: string;
  readonly idempotencyKey: string | undefined;
  removal: 'none' | 'sent' | 'acknowledged';
}

/** All that the clients know, over all rounds. */
interface Ledger {
  readonly slots: Map<string, Known>;
  /** Idempotency keys that were sent and, so far, not answered. */
  readonly unanswered: Set<string>;
  reissued: number;
  interrupted: number;
}

describe(`SIGKILL under load, ${KILLS} times`, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-kill-'));
  const ledger: Ledger = { slots: new Map(), unanswered: new Set(), reissued: 0, interrupted: 0 };
  after(() => rm(dir, { recursive: true, force: true }));

  it('leaves every acknowledged slot with the key that was handed out, after each kill', async () => {
    assert.ok(KILLS >= 1, 'SEALSLOT_KILLS must be at least 1');
    // An orderly end writes Node's compile cache, which makes the restarts quicker.
    await (await startService({ dir })).stop();
    for (let round = 1; round <= KILLS; round += 1) {
      const known = new Set(ledger.slots.keys());
      await loadUntilKilled(dir, ledger);
      // What this round touched; all slots once more in the next test.
      await checkStore(
        dir,
        [...ledger.slots.values()].filter((slot) => !known.has(slot.id) || slot.removal !== 'none'),
      );
    }
  });

  it('has all slots of all rounds, and no half slot', async (t) => {
    const slots = [...ledger.slots.values()];
    await checkStore(dir, slots);
    checkRows(dir);
    const removed = slots.filter((slot) => slot.removal === 'acknowledged').length;
    t.diagnostic(
      `${KILLS} kills, ${slots.length} acknowledged slots, ${ledger.reissued} acknowledged new requests, ${removed} acknowledged removals, ` +
        `${ledger.interrupted} calls cut off, ${ledger.unanswered.size} of them with an Idempotency-Key`,
    );
    assert.ok(slots.length >= KILLS, 'each round acknowledged something');
    assert.ok(ledger.interrupted >= KILLS, 'each kill cut calls off');
  });

  it('replays the same slot and key for acknowledged Idempotency-Keys, and one slot for those cut off', async () => {
    const service = await startService({ dir });
    try {
      const replayable = [...ledger.slots.values()].filter(
        (slot) => slot.idempotencyKey !== undefined && slot.removal === 'none',
      );
      assert.ok(replayable.length > 0, 'there is something to replay');
      for (const slot of replayable) {
        const answer = await create(service, slot.idempotencyKey);
        assert.equal(answer.headers.get('idempotency-replayed'), 'true');
        assert.equal(answer.body.id, slot.id);
        assert.ok(keyOf(answer) === slot.customerKey, 'the same customer key');
      }
      for (const idempotencyKey of ledger.unanswered) {
        const [first, second] = [
          await create(service, idempotencyKey),
          await create(service, idempotencyKey),
        ];
        assert.equal(first.body.id, second.body.id);
        assert.ok(keyOf(first) === keyOf(second), 'the same customer key');
        assert.ok(!ledger.slots.has(first.body.id), 'not the slot of another call');
      }
      await service.stop();
    } finally {
      await service.kill();
    }
    checkRows(dir);
  });
});

/** One round: clients call until the service is killed, at some moment after a random number of acknowledgements. */
async function loadUntilKilled(dir: string, ledger: Ledger): Promise<void> {
  const service = await startService({ dir });
  let killed: Promise<void> | undefined;
  let left = randomInt(1, MOST_ACKNOWLEDGED);
  const acknowledged = () => {
    left -= 1;
    if (left <= 0) killed ??= service.kill();
  };
  try {
    await Promise.all(
      Array.from({ length: CLIENTS }, () =>
        client(service, ledger, acknowledged, () => killed !== undefined),
      ),
    );
    await killed;
  } finally {
    await service.kill();
  }
}

/** Calls until a call is cut off. A failure before the kill is a failure of the service. */
async function client(
  service: Service,
  ledger: Ledger,
  acknowledged: () => void,
  isKilled: () => boolean,
): Promise<void> {
  const mine: Known[] = [];
  for (;;) {
    try {
      await step(service, ledger, mine);
    } catch (error) {
      if (!isKilled() || error instanceof assert.AssertionError) throw error;
      ledger.interrupted += 1;
      return;
    }
    acknowledged();
  }
}

/** Mostly new slots, half of them with an Idempotency-Key; now and then a new request or a removal of an own slot. */
async function step(service: Service, ledger: Ledger, mine: Known[]): Promise<void> {
  const dice = randomInt(10);
  const own = mine.at(-1);
  if (own !== undefined && dice === 0) {
    own.removal = 'sent';
    mine.pop();
    const answer = await service.call('DELETE', `/v1/uploads/${own.id}`);
    assert.equal(answer.status, 202);
    own.removal = 'acknowledged';
  } else if (own !== undefined && dice === 1) {
    const answer = await service.call('POST', `/v1/uploads/${own.id}/request`);
    assert.equal(answer.status, 200);
    assert.ok(keyOf(answer) === own.customerKey, 'a new request has the same customer key');
    ledger.reissued += 1;
  } else {
    const idempotencyKey = dice % 2 === 0 ? undefined : randomUUID();
    if (idempotencyKey !== undefined) ledger.unanswered.add(idempotencyKey);
    const answer = await create(service, idempotencyKey);
    if (idempotencyKey !== undefined) ledger.unanswered.delete(idempotencyKey);
    const slot: Known = { id: answer.body.id, customerKey: keyOf(answer), idempotencyKey, removal: 'none' };
    ledger.slots.set(slot.id, slot);
    mine.push(slot);
  }
}

async function create(service: Service, idempotencyKey: string | undefined): Promise<Answer> {
  const headers = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
  const answer = await service.call('POST', '/v1/uploads', { body: BODY, headers });
  assert.equal(answer.status, 201, JSON.stringify(answer.body?.code));
  return answer;
}

function keyOf(answer: Answer): string {
  return answer.body.request.headers['x-amz-server-side-encryption-customer-key'] as string;
}

async function checkStore(dir: string, slots: readonly Known[]): Promise<void> {
  const store = await openSqliteStore({ path: storePath(dir), exclusive: true });
  try {
    const wrapper = localWrapper({ id: 'local', ring: await readKekFile(kekPath(dir)) });
    for (const slot of slots) await checkSlot(store, wrapper, slot);
  } finally {
    await store.close();
  }
}

/** Nothing is ever proven absent here, so even a removed slot still has its key. */
async function checkSlot(store: Store, wrapper: ReturnType<typeof localWrapper>, slot: Known): Promise<void> {
  const upload = await store.uploads.get('acme', slot.id);
  assert.ok(upload, `the acknowledged slot ${slot.id} is there`);
  const states = { none: ['issued'], sent: ['issued', 'deleting'], acknowledged: ['deleting'] }[slot.removal];
  assert.ok(states.includes(upload.state), `${slot.id}, removal ${slot.removal}, is ${upload.state}`);
  const current = await store.keys.get(slot.id, upload.generation);
  assert.ok(current, `the slot ${slot.id} has its key`);
  const key = await wrapper.unwrap(current.wrapped, placeOf(upload, current.generation));
  assert.ok(
    key.equals(CustomerKey.fromBytes(Buffer.from(slot.customerKey, 'base64'))),
    `the key of ${slot.id} is the one handed out`,
  );
}

/** Of the tables as they are: the file is sound, and no row lacks its other half. */
function checkRows(dir: string): void {
  using db = new DatabaseSync(storePath(dir), { readOnly: true });
  assert.deepEqual(
    db
      .prepare('PRAGMA integrity_check')
      .all()
      .map((row) => row['integrity_check']),
    ['ok'],
  );
  assert.deepEqual(db.prepare('PRAGMA foreign_key_check').all(), []);
  const halves = db.prepare(`
    SELECT id FROM uploads WHERE state <> 'deleted'
      AND NOT EXISTS (SELECT 1 FROM keys WHERE upload_id = uploads.id AND wrapped_id IS NOT NULL)`);
  assert.deepEqual(halves.all(), []);
}
