import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeyRefused } from '../../../src/custody/errors.ts';
import { endLine, headerLine, keyLine, KeyFileInvalid } from '../../../src/custody/key-export.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import { placeOf } from '../../../src/uploads/services.ts';
import { adoptedId } from '../../../src/uploads/slot-ids.ts';
import { idOf, NOW } from '../../contract/store-rows.ts';
import { exportedOf, fileOf } from '../custody/key-file.ts';
import { details, exported, imported, keysWorld, kinds, type KeysWorld } from './keys-world.ts';

/** Every slot and key of one world opens in the other with the same secret. */
async function assertSame(one: KeysWorld, other: KeysWorld): Promise<void> {
  assert.deepEqual([...other.keys.rows.keys()].toSorted(), [...one.keys.rows.keys()].toSorted());
  for (const [id, { upload, keys }] of one.keys.rows) {
    const there = other.keys.rows.get(id)!;
    assert.deepEqual(there.upload, upload);
    assert.deepEqual(
      there.keys.map(({ generation, versionId, copy }) => ({ generation, versionId, copy })),
      keys.map(({ generation, versionId }) => ({ generation, versionId, copy: null })),
    );
    for (const [index, { generation, wrapped }] of keys.entries()) {
      const place = placeOf(upload, generation);
      const again = there.keys[index]!.wrapped;
      assert.notDeepEqual(again.bytes, wrapped.bytes);
      const secret = await other.services.wrapper.unwrap(again, place);
      assert.ok(secret.equals(await one.services.wrapper.unwrap(wrapped, place)));
    }
  }
}

describe('exporting keys', () => {
  it('gives all living generations, a page of 32 at a time, and restores elsewhere under another KEK', async () => {
    const world = keysWorld();
    for (let n = 1; n <= 60; n += 1) await world.add(n);
    await world.add(61, { etag: '"e"', uploadedAt: NOW, sha256: 'x'.repeat(44), filename: null }, [2, 4, 5]);
    const { text, end, unopened } = await exported(world);
    assert.deepEqual(end, { keys: 63, slots: 61, failed: 0 });
    assert.deepEqual(unopened, []);
    assert.deepEqual(world.keys.pages, [32, 31, 0]);

    const other = keysWorld(world.s3);
    const result = await imported(other, text);
    assert.equal(result.error, undefined);
    assert.deepEqual(new Set(kinds(result)), new Set(['restored']));
    assert.deepEqual(result.end, end);
    await assertSame(world, other);
  });

  it('of one tenant only that one’s', async () => {
    const world = keysWorld();
    await world.add(1);
    await world.add(2, { tenant: 'globex' });
    const { text, end } = await exported(world, { tenant: 'globex' });
    assert.deepEqual(end, { keys: 1, slots: 1, failed: 0 });
    assert.match(text, /globex/);
    assert.doesNotMatch(text, /acme/);
  });

  it('a key that does not open is named, left out and counted; the others are written', async () => {
    const world = keysWorld();
    await world.add(1);
    await world.add(2, {}, [1, 2]);
    await world.add(3);
    world.keys.rows.get(idOf(2))!.keys[0]!.wrapped.bytes[30]! ^= 1;
    const { text, end, unopened } = await exported(world);
    assert.deepEqual(end, { keys: 3, slots: 3, failed: 1 });
    assert.equal(unopened.length, 1);
    assert.match(unopened[0]!, new RegExp(`^${idOf(2)} 1 .*not authentic`));
    const result = await imported(keysWorld(world.s3), text);
    assert.deepEqual(kinds(result), ['restored', 'restored', 'restored']);
    assert.equal(result.end?.failed, 1);
  });

  it('a wrapper that does not answer is waited for; when it never does, there is no end line', async () => {
    const world = keysWorld();
    await world.add(1);
    const { wrapper } = world.services;
    const unwrap = wrapper.unwrap.bind(wrapper);
    let failures = 3;
    wrapper.unwrap = async (...args) => {
      failures -= 1;
      if (failures >= 0) throw new DependencyUnavailable('custody', undefined);
      return unwrap(...args);
    };
    assert.equal((await exported(world)).end?.keys, 1);
    failures = 4;
    await assert.rejects(exported(world), DependencyUnavailable);
  });

  it('is asked for no more than was taken', async () => {
    const world = keysWorld();
    for (let n = 1; n <= 70; n += 1) await world.add(n);
    const { services } = world;
    const { exportKeys } = await import('../../../src/uploads/export-keys.ts');
    const lines = exportKeys(services, {
      tenant: undefined,
      unopened: () => undefined,
      ended: () => undefined,
      pause: async () => undefined,
    });
    for (let n = 0; n < 33; n += 1) await lines.next();
    assert.deepEqual(world.keys.pages, [32]);
    await lines.return();
  });
});

describe('importing keys', () => {
  const slotStates: [string, Partial<Upload>][] = [
    ['issued', { state: 'issued' }],
    ['expired', { state: 'expired', nextCheckAt: NOW + 5 }],
    ['deleting', { state: 'deleting', deletingAt: NOW, nextCheckAt: NOW + 9, urlEndsAt: NOW + 77_000 }],
  ];

  it('slots whose object may still arrive, or is being removed, are stored as they were', async () => {
    for (const [name, changes] of slotStates) {
      const world = keysWorld();
      await world.add(1, changes);
      const other = keysWorld(world.s3);
      assert.deepEqual(kinds(await imported(other, (await exported(world)).text)), ['restored'], name);
      await assertSame(world, other);
    }
  });

  it('with their objects they are proven as all others are', async () => {
    for (const [name, changes] of slotStates) {
      const world = keysWorld();
      const { upload } = await world.add(1, changes);
      world.s3.put(upload.objectKey, CustomerKey.generate(), {});
      const other = keysWorld(world.s3);
      assert.deepEqual(kinds(await imported(other, (await exported(world)).text)), ['wrong_key'], name);
      assert.equal(other.keys.rows.size, 0);
    }
  });

  it('an object that is gone is reported, and its key not stored', async () => {
    for (const changes of [
      {},
      { state: 'rejected' },
      { id: adoptedId('uploads', 'old/a.pdf'), objectKey: 'old/a.pdf', state: 'expired' },
    ]) {
      const world = keysWorld();
      const { upload } = await world.add(1, changes as Partial<Upload>);
      await world.s3.remove(upload.bucket, upload.objectKey, {
        versions: [{ versionId: null }],
        multipartUploadIds: [],
      });
      const other = keysWorld(world.s3);
      assert.deepEqual(kinds(await imported(other, (await exported(world)).text)), ['absent']);
      assert.equal(other.keys.rows.size, 0);
    }
  });

  it('S3 must name SSE-C and this key, and list the object', async () => {
    const world = keysWorld();
    const { upload, key } = await world.add(1);
    const { text } = await exported(world);
    const refused = async (): Promise<string[]> => {
      const other = keysWorld(world.s3);
      const result = await imported(other, text);
      assert.equal(other.keys.rows.size, 0);
      assert.equal(JSON.stringify(result).includes(key.bytes().toString('base64')), false);
      return kinds(result);
    };
    world.s3.put(upload.objectKey, CustomerKey.generate(), {});
    assert.deepEqual(await refused(), ['wrong_key']);
    world.s3.put(upload.objectKey, key, { sseCustomerAlgorithm: null });
    assert.deepEqual(await refused(), ['not_sse_c']);
    world.s3.put(upload.objectKey, key, { sseCustomerKeyMd5: CustomerKey.generate().md5() });
    assert.deepEqual(await refused(), ['not_sse_c']);
    world.s3.put(upload.objectKey, key, {});
    const remains = world.s3.remains.bind(world.s3);
    world.s3.remains = async () => ({ versions: [], multipartUploadIds: [] });
    assert.deepEqual(await refused(), ['not_listed']);
    world.s3.remains = remains;
    world.s3.headAnswer = { kind: 'unknown', status: 503, code: 'SlowDown' };
    assert.deepEqual(await refused(), ['unavailable']);
    world.s3.headAnswer = undefined;
    assert.deepEqual(kinds(await imported(keysWorld(world.s3), text)), ['restored']);
  });

  it('the version that the slot names is asked for, not the newest', async () => {
    const world = keysWorld();
    world.s3.versioned = true;
    const { upload, key } = await world.add(1, { versionId: 'version-1' });
    world.s3.put(upload.objectKey, CustomerKey.generate(), {});
    const { text } = await exported(world);
    assert.deepEqual(kinds(await imported(keysWorld(world.s3), text)), ['restored']);
    world.s3.put(upload.objectKey, key, {});
    const gone = text.replace('"versionId":"version-1"', '"versionId":"version-9"');
    assert.deepEqual(kinds(await imported(keysWorld(world.s3), gone)), ['absent']);
  });

  it('a re-key under way goes on, whether or not it has moved the object', async () => {
    for (const isMoved of [false, true]) {
      const world = keysWorld();
      const changes = { generation: 1, nextGeneration: 2, nextCheckAt: NOW + 1 };
      const { upload, keys } = await world.add(1, changes, [1, 2]);
      if (isMoved) world.s3.put(upload.objectKey, keys.get(2)!, {});
      const other = keysWorld(world.s3);
      assert.deepEqual(kinds(await imported(other, (await exported(world)).text)), ['restored']);
      await assertSame(world, other);
    }
  });

  it('again: what is there is compared, by its key, and never replaced', async () => {
    const world = keysWorld();
    await world.add(1);
    const { upload } = await world.add(2);
    const { text } = await exported(world);
    const [there] = world.keys.rows.get(upload.id)!.keys;
    assert.deepEqual(kinds(await imported(world, text)), ['already', 'already']);

    const wrapped = await world.services.wrapper.wrap(CustomerKey.generate(), placeOf(upload, 1));
    world.keys.rows.set(upload.id, { upload, keys: [{ ...there!, wrapped }] });
    const other = await imported(world, text);
    assert.deepEqual(kinds(other), ['already', 'conflict']);
    assert.match(details(other)[1]!, /another key/);
    assert.equal(world.keys.rows.get(upload.id)?.keys[0]?.wrapped, wrapped);

    world.keys.rows.set(upload.id, { upload: { ...upload, state: 'deleted' }, keys: [] });
    const deleted = await imported(world, text);
    assert.deepEqual(kinds(deleted), ['already', 'conflict']);
    assert.match(details(deleted)[1]!, /deleted/);
    assert.deepEqual(world.keys.rows.get(upload.id)?.keys, [], 'a destroyed key stays destroyed');
  });

  it('an id that another tenant has is a conflict', async () => {
    const world = keysWorld();
    await world.add(1);
    const other = keysWorld(world.s3);
    await other.add(1, { tenant: 'globex', state: 'issued' });
    assert.deepEqual(kinds(await imported(other, (await exported(world)).text)), ['conflict']);
    assert.equal(other.keys.rows.get(idOf(1))?.upload.tenant, 'globex');
  });

  it('a dry run stores nothing and wraps nothing', async () => {
    const world = keysWorld();
    await world.add(1);
    const { text } = await exported(world);
    const other = keysWorld(world.s3);
    other.services.wrapper.wrap = async () => assert.fail('it was wrapped');
    assert.deepEqual(kinds(await imported(other, text, { dryRun: true })), ['restorable']);
    assert.equal(other.keys.rows.size, 0);
    assert.deepEqual(kinds(await imported(world, text, { dryRun: true })), ['already']);
  });

  it('of one tenant, the others are passed over; what is not configured is reported', async () => {
    const world = keysWorld();
    await world.add(1);
    await world.add(2, { tenant: 'globex' }, [1, 2]);
    await world.add(3, { target: 'gone' });
    const { text } = await exported(world);
    const one = keysWorld(world.s3);
    assert.deepEqual(kinds(await imported(one, text, { tenant: 'globex' })), ['restored']);
    assert.deepEqual([...one.keys.rows.keys()], [idOf(2)]);
    const result = await imported(keysWorld(world.s3, ['acme']), text);
    assert.deepEqual(kinds(result), ['restored', 'not_configured', 'not_configured']);
    assert.match(details(result)[1]!, /tenant "globex"/);
    assert.match(details(result)[2]!, /target "gone"/);
  });

  it('a slot for an object that is not its own, or without its current key, is refused', async () => {
    const world = keysWorld();
    const { upload, key } = await world.add(1);
    const { slot } = exportedOf(2);
    const foreign = exportedOf(2, { slot: { ...slot, state: 'uploaded', objectKey: upload.objectKey }, key });
    const without = exportedOf(3, { standing: 'superseded' });
    const twice = [exportedOf(4), exportedOf(4, { standing: 'superseded' })];
    const split = [exportedOf(5), exportedOf(5, { generation: 2, standing: 'next' })];
    const elsewhere = { ...split[1]!, slot: { ...split[1]!.slot, bucket: 'others' } };
    const text = fileOf([foreign, without, ...twice, split[0]!, elsewhere]);
    const other = keysWorld(world.s3);
    const result = await imported(other, text);
    assert.deepEqual(kinds(result), ['misplaced', 'incomplete', 'incomplete', 'incomplete']);
    assert.equal(other.keys.rows.size, 0);
  });

  it('a slot that changed while it was exported is restored as it was last', async () => {
    const world = keysWorld();
    const { upload, key } = await world.add(1);
    const { nextGeneration: _next, deletedAt: _deleted, ...slot } = upload;
    const before = {
      slot: { ...slot, etag: '"1"' },
      generation: 1,
      versionId: null,
      standing: 'current',
    } as const;
    const after = { ...before, slot: { ...slot, etag: '"2"' }, generation: 2 };
    const other = keysWorld(world.s3);
    const text = fileOf([
      { ...before, key: CustomerKey.generate() },
      { ...after, key },
    ]);
    assert.deepEqual(kinds(await imported(other, text)), ['restored']);
    const restored = other.keys.rows.get(upload.id)!;
    assert.equal(restored.upload.generation, 2);
    assert.equal(restored.upload.etag, '"2"');
    assert.equal(restored.keys.length, 2);
  });

  it('a line that cannot be read is reported, and the others are restored', async () => {
    const world = keysWorld();
    await world.add(1);
    await world.add(2);
    const { text } = await exported(world);
    const lines = text.split('\n');
    lines[1] = lines[1]!.replace('"size":', '"size":-');
    const result = await imported(keysWorld(world.s3), lines.join('\n'));
    assert.deepEqual(kinds(result), ['bad_line', 'restored']);
    assert.deepEqual([result.outcomes[0]?.line, details(result)[0]], [2, 'its size is not as it must be']);
  });

  it('of a file that breaks off, what is whole is restored, and then it is said', async () => {
    const world = keysWorld();
    await world.add(1);
    await world.add(2, {}, [1, 2]);
    const lines = (await exported(world)).text.split('\n');
    const other = keysWorld(world.s3);
    // Whether the slot has further generations, nobody knows.
    const result = await imported(other, `${lines.slice(0, 3).join('\n')}\n`);
    assert.ok(result.error instanceof KeyFileInvalid);
    assert.deepEqual(kinds(result), ['restored']);
    assert.deepEqual([...other.keys.rows.keys()], [idOf(1)]);
  });

  it('gives up when 20 slots in a row meet nothing, and what is in hand is finished', async () => {
    const world = keysWorld();
    for (let n = 1; n <= 200; n += 1) await world.add(n);
    const { text } = await exported(world);
    world.s3.dead = true;
    const result = await imported(keysWorld(world.s3), text);
    assert.equal(result.error, undefined);
    assert.equal(result.end, undefined);
    assert.ok(result.outcomes.length >= 20 && result.outcomes.length < 30, `${result.outcomes.length}`);
    assert.deepEqual(new Set(kinds(result)), new Set(['unavailable']));
  });

  it('a wrapper that may not wrap ends it at once', async () => {
    const world = keysWorld();
    for (let n = 1; n <= 100; n += 1) await world.add(n);
    const { text } = await exported(world);
    const other = keysWorld(world.s3);
    let asked = 0;
    other.services.wrapper.wrap = async () => {
      asked += 1;
      throw new KeyRefused('no right', { refusal: 'access_denied' });
    };
    assert.ok((await imported(other, text)).error instanceof KeyRefused);
    assert.ok(asked <= 8);
    assert.equal(other.keys.rows.size, 0);
  });

  it('stopped from outside, nothing is begun', async () => {
    const stop = new AbortController();
    stop.abort();
    const text = headerLine(NOW) + keyLine(exportedOf(1)) + endLine({ keys: 1, slots: 1, failed: 0 });
    const result = await imported(keysWorld(), text, { stop });
    assert.deepEqual([result.end, result.outcomes, result.error], [undefined, [], undefined]);
  });
});
