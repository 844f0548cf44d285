import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { intermediateCopy } from '../../../src/custody/intermediate-copy.ts';
import { recoveryTags } from '../../../src/custody/recovery-copy.ts';
import { placeOf } from '../../../src/uploads/services.ts';
import { HIERARCHY, RECOVERY, world, type Uploaded, type World } from './audit-world.ts';

function setTags(w: World, { upload }: Uploaded, tags: Record<string, string>): void {
  w.s3.shelf.tag(w.s3.objects.get(upload.objectKey)!, tags);
}

const tagsOf = (w: World, { upload }: Uploaded) => ({ ...w.s3.objects.get(upload.objectKey)!.tags });

describe('an audit of recovery copies', () => {
  it('finds nothing where all is right, and asks nothing where recovery is not configured', async () => {
    await using w = await world({ custody: { recovery: RECOVERY, hierarchy: HIERARCHY } });
    const slot = await w.uploaded();
    assert.notDeepEqual(tagsOf(w, slot), {});
    assert.deepEqual((await w.audit()).codes, []);

    await using without = await world();
    await without.uploaded();
    assert.deepEqual((await without.audit()).codes, []);
    assert.equal(without.s3.calls.get('getTags'), undefined);
  });

  it('finds tags that are missing, mangled, of another slot, or of another key', async () => {
    await using w = await world({ custody: { recovery: RECOVERY } });
    const slots = [await w.uploaded(), await w.uploaded(), await w.uploaded(), await w.uploaded()] as const;
    const [missing, mangled, swapped, other] = slots;
    setTags(w, missing, { mine: 'yes' });
    setTags(w, mangled, { ...tagsOf(w, mangled), 'sealslot-key': 'AAAA=AAAA' });
    setTags(w, swapped, tagsOf(w, other));
    const place = placeOf(other.upload, 1);
    setTags(w, other, recoveryTags(place, await w.h.services.wrapper.wrap(CustomerKey.generate(), place)));
    const { findings } = await w.audit();
    const bySlot = new Map(findings.map(({ slot, code }) => [slot, code]));
    assert.deepEqual(
      slots.map(({ upload }) => bySlot.get(upload.id)),
      ['copy_missing', 'copy_unreadable', 'copy_disagrees', 'copy_disagrees'],
    );
    assert.equal(findings.length, 4);
  });

  it('finds a stale copy, and one that does not open', async () => {
    await using w = await world({ custody: { recovery: RECOVERY } });
    const [stale, broken] = [await w.uploaded(), await w.uploaded()];
    const to = await w.h.services.wrapper.rewrap(stale.stored.wrapped, placeOf(stale.upload, 1));
    const change = { uploadId: stale.upload.id, generation: 1, from: stale.stored.wrapped, to };
    assert.deepEqual(await w.h.store.keys.replace([change]), [true]);
    const place = placeOf(broken.upload, 1);
    const elsewhere = await w.h.services.wrapper.wrap(broken.key, { ...place, objectKey: 'elsewhere' });
    setTags(w, broken, recoveryTags(place, elsewhere));
    assert.deepEqual((await w.audit()).codes, ['copy_stale', 'copy_unreadable']);
  });

  it('finds an intermediate key without its copy, or with another', async () => {
    await using w = await world({ custody: { recovery: RECOVERY, hierarchy: HIERARCHY } });
    await w.uploaded();
    await w.uploaded('globex');
    const keys = await w.h.store.intermediates.list();
    assert.deepEqual(keys.map(({ tenant }) => tenant).sort(), ['acme', 'globex']);
    const nameOf = (tenant: string) =>
      `recovery/${intermediateCopy(keys.find((key) => key.tenant === tenant)!).objectKey}`;
    assert.ok(w.s3.small.delete(nameOf('acme')));
    w.s3.small.set(nameOf('globex'), Buffer.from('{}'));
    assert.deepEqual((await w.audit()).codes, ['intermediate_copy_differs', 'intermediate_copy_missing']);
  });
});
