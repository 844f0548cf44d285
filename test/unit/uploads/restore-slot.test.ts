import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Config } from '../../../src/config/config.ts';
import type { ExportedKey } from '../../../src/custody/key-export.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { recoveryTags } from '../../../src/custody/recovery-copy.ts';
import type { Services } from '../../../src/uploads/services.ts';
import { adoptedId } from '../../../src/uploads/slot-ids.ts';
import { NOW } from '../../contract/store-rows.ts';
import { TENANT } from '../../support/harness.ts';
import { exportedOf, fileOf } from '../custody/key-file.ts';
import { details, imported, keysWorld, kinds, type KeysWorld } from './keys-world.ts';

/** A line that somebody wrote who knows the recipient of the file, and a customer key that he was given as a client. */
function line(
  changes: Partial<ExportedKey['slot']>,
  key: CustomerKey,
  versionId: string | null = null,
): ExportedKey {
  const { slot, ...rest } = exportedOf(1);
  return { ...rest, slot: { ...slot, state: 'uploaded', ...changes }, versionId, key };
}

/** Where globex has a bucket of its own. */
function apart(s3?: KeysWorld['s3'], custody: Partial<Config['custody']> = {}): KeysWorld {
  const world = keysWorld(s3);
  const tenants = { acme: TENANT, globex: { ...TENANT, bucket: 'theirs' } };
  const services = { ...world.services, config: { custody, tenants } } as unknown as Services;
  return { ...world, services };
}

const COPY = { wrapperId: 'local', kekId: 'kek', bytes: Buffer.from('wrapped') };

describe('a hostile file of keys gives no tenant a slot of others’ objects', () => {
  it('the slot’s id must be one that the object’s name has', async () => {
    const world = keysWorld();
    const { upload, key } = await world.add(1);
    const { bucket, objectKey } = upload;
    const other = keysWorld(world.s3);
    for (const id of ['00000000-0000-7abc-8abc-00000000beef', adoptedId(bucket, 'another')]) {
      const text = fileOf([line({ tenant: 'globex', id, bucket, objectKey }, key)]);
      assert.deepEqual(kinds(await imported(other, text)), ['misplaced'], id);
    }
    assert.equal(other.keys.rows.size, 0);
  });

  it('nor where another slot has this bucket and object key, in the store or earlier in the file', async () => {
    const world = keysWorld();
    const { upload, key } = await world.add(1);
    const { bucket, objectKey } = upload;
    const adopted = line({ tenant: 'globex', id: adoptedId(bucket, objectKey), bucket, objectKey }, key);
    for (const dryRun of [true, false]) {
      const text = fileOf([adopted]);
      assert.deepEqual(kinds(await imported(world, text, { dryRun })), ['conflict']);
    }
    const { nextGeneration: _next, deletedAt: _deleted, ...slot } = upload;
    const own = { slot, generation: 1, versionId: null, standing: 'current', key } as const;
    const other = keysWorld(world.s3);
    assert.deepEqual(kinds(await imported(other, fileOf([own]))), ['restored']);
    assert.deepEqual(kinds(await imported(other, fileOf([adopted]))), ['conflict']);
    assert.deepEqual([...other.keys.rows.keys()], [upload.id]);
  });

  it('the store has the last word, when one comes between', async () => {
    const world = keysWorld();
    const { upload, key } = await world.add(1);
    const { bucket, objectKey } = upload;
    const other = keysWorld(world.s3);
    const adopted = line({ tenant: 'globex', id: adoptedId(bucket, objectKey), bucket, objectKey }, key);
    const text = fileOf([adopted]);
    world.s3.after = ({ name }) => {
      if (name === 'head') other.keys.rows.set(upload.id, { upload, keys: [] });
    };
    const result = await imported(other, text);
    assert.deepEqual(kinds(result), ['conflict']);
    assert.deepEqual([...other.keys.rows.keys()], [upload.id]);
  });

  it('an imported object with a UUIDv7 in its name must not carry the copy of another slot', async () => {
    const world = keysWorld();
    const { upload, key } = await world.add(1);
    const { bucket, objectKey } = upload;
    const id = adoptedId(bucket, objectKey);
    const text = fileOf([line({ tenant: 'globex', id, bucket, objectKey }, key)]);
    const copyOf = (tenant: string, slot: string) => recoveryTags({ tenant, slot, generation: 1 }, COPY);
    for (const [tags, kind] of [
      [copyOf('acme', upload.id), 'conflict'],
      [copyOf('acme', id), 'conflict'],
      [copyOf('globex', id), 'restored'],
      [{}, 'restored'],
    ] as const) {
      world.s3.put(objectKey, key, {}, { tags });
      assert.deepEqual(kinds(await imported(keysWorld(world.s3), text)), [kind]);
    }
    // Servers that do not count tags: with recovery they are asked for.
    world.s3.put(objectKey, key, { tagCount: 0 }, { tags: copyOf('acme', upload.id) });
    const recovery = { target: 'main', bucket: 'copies' };
    const counting = apart(world.s3, { recovery });
    const own = fileOf([line({ id, bucket, objectKey }, key)]);
    assert.deepEqual(kinds(await imported(counting, own)), ['conflict']);
  });

  it('the bucket must be the tenant’s; an imported object may lie in one that is nobody’s', async () => {
    const world = keysWorld();
    const { upload, key } = await world.add(1);
    const { bucket, objectKey } = upload;
    const refused = [
      line({ tenant: 'globex', id: upload.id, bucket, objectKey }, key),
      line({ tenant: 'globex', id: adoptedId(bucket, objectKey), bucket, objectKey }, key),
      line({ tenant: 'globex', id: upload.id, bucket: 'former', objectKey }, key),
    ];
    for (const one of refused) {
      const other = apart(world.s3);
      const result = await imported(other, fileOf([one]));
      assert.deepEqual(kinds(result), ['misplaced']);
      assert.match(details(result)[0] ?? '', /configure it for the time of the import/);
      assert.equal(other.keys.rows.size, 0);
    }
    const id = adoptedId('former', 'old/a.pdf');
    world.s3.put('old/a.pdf', key, {}, { bucket: 'former' });
    const adopted = fileOf([line({ tenant: 'globex', id, bucket: 'former', objectKey: 'old/a.pdf' }, key)]);
    assert.deepEqual(kinds(await imported(apart(world.s3), adopted)), ['restored']);
  });

  it('a slot that is there stays “already there”, wherever its tenant’s bucket is now', async () => {
    const world = keysWorld();
    const { upload, key } = await world.add(1, { bucket: 'former' });
    const { nextGeneration: _next, deletedAt: _deleted, ...slot } = upload;
    const text = fileOf([{ slot, generation: 1, versionId: null, standing: 'current', key }]);
    assert.deepEqual(kinds(await imported(world, text)), ['already']);
  });

  it('what is being deleted is not believed to be gone because one version is: all would be removed', async () => {
    const world = keysWorld();
    world.s3.versioned = true;
    const { upload } = await world.add(1);
    const { id, bucket, objectKey } = upload;
    const deleting = { id, bucket, objectKey, state: 'deleting', deletingAt: NOW, nextCheckAt: NOW } as const;
    const planted = fileOf([line(deleting, CustomerKey.generate(), 'no-such-version')]);
    const other = keysWorld(world.s3);
    assert.deepEqual(kinds(await imported(other, planted)), ['absent']);
    assert.equal(other.keys.rows.size, 0);
    const theirs = fileOf([
      line({ ...deleting, tenant: 'globex', objectKey: `x/${id}` }, CustomerKey.generate()),
    ]);
    assert.deepEqual(kinds(await imported(apart(world.s3), theirs)), ['misplaced']);
  });
});
