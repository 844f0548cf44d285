import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CustomerKey } from '../../../../src/custody/customer-key.ts';
import { carried, carriedInsert } from '../../../../src/store/adapters/sqlite/writer/calls.ts';
import { grantOf, idempotencyOf, NOW, uploadOf, wrappedOf } from '../../../contract/store-rows.ts';

/** In the memory that Node hands out for small buffers, beside whatever else lies there. */
function pooled(text: string): Buffer {
  const bytes = Buffer.from(text);
  assert.ok(bytes.buffer.byteLength > bytes.length, 'control: it shares its memory');
  return bytes;
}

describe('what crosses to the thread that writes', () => {
  it('is of a slot what the port asks for, and never its customer key', () => {
    const upload = uploadOf(1);
    const key = wrappedOf(pooled('wrapped'));
    const made = {
      ...{ upload, key: { ...key, opened: CustomerKey.generate() }, hasCopy: true },
      ...{ customerKey: CustomerKey.generate(), window: { sign: () => 'a url' } },
    };
    const record = idempotencyOf(1, { requestHash: pooled('a hash') });
    const grant = grantOf(1);
    const crossed = structuredClone(carriedInsert([made], record, NOW, grant, []));
    assert.deepEqual(crossed, [
      [{ upload, key: { ...key, bytes: new Uint8Array(key.bytes) }, hasCopy: true }],
      { ...record, requestHash: new Uint8Array(record.requestHash) },
      NOW,
      { tenant: grant.tenant, id: grant.id, createdBy: grant.createdBy },
      [],
    ]);
  });

  it('is of bytes these alone, and not the memory that they lie in', () => {
    const crossed = carriedInsert(
      [{ upload: uploadOf(1), key: wrappedOf(pooled('wrapped')), hasCopy: false }],
      undefined,
      NOW,
    ) as [[{ key: { bytes: Uint8Array } }]];
    assert.equal(crossed[0][0].key.bytes.buffer.byteLength, 7);
    const { deep } = carried({ deep: [pooled('bytes')] }) as { deep: [Uint8Array] };
    assert.equal(deep[0].buffer.byteLength, 5);
  });

  it('is plain data, also under names that objects have', () => {
    const metadata = JSON.parse('{"__proto__": "x", "constructor": "y"}') as object;
    const crossed = structuredClone(carried({ metadata, none: null })) as { metadata: object };
    assert.deepEqual(Object.entries(crossed.metadata), [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });
});
