import assert from 'node:assert/strict';
import { createSecretKey, webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { localWrapper } from '../../../src/custody/adapters/local.ts';
import { encodeContext } from '../../../src/custody/context.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { KeyRefused } from '../../../src/custody/errors.ts';
import type { KeyPlace } from '../../../src/custody/port.ts';

interface Vector {
  readonly wrapperId: string;
  readonly kekId: string;
  readonly kekHex: string;
  readonly place: KeyPlace;
  readonly keyHex: string;
  readonly nonceHex: string;
  readonly contextHex: string;
  readonly bytesHex: string;
}

const vector = JSON.parse(
  await readFile(new URL('../../vectors/local-wrap.json', import.meta.url), 'utf8'),
) as Vector;
const hex = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, 'hex'));
const kek = createSecretKey(hex(vector.kekHex));
const key = CustomerKey.fromBytes(hex(vector.keyHex));
const local = (id: string, ...kekIds: [string, ...string[]]) =>
  localWrapper({ id, ring: { current: kekIds[0], keks: new Map(kekIds.map((kekId) => [kekId, kek])) } });

describe('localWrapper, stored form', () => {
  it('opens the golden vector', async () => {
    const { wrapperId, kekId, place } = vector;
    const opened = await local(wrapperId, kekId).unwrap(
      { wrapperId, kekId, bytes: hex(vector.bytesHex) },
      place,
    );
    assert.ok(opened.equals(key));
    assert.equal(encodeContext(wrapperId, kekId, place).toString('hex'), vector.contextHex);
  });

  it('is what Web Crypto makes of the same parts', async () => {
    const nonce = hex(vector.nonceHex);
    assert.equal(await sealWithWebCrypto(nonce), vector.bytesHex);

    const wrapped = await local(vector.wrapperId, vector.kekId).wrap(key, vector.place);
    const freshNonce = new Uint8Array(wrapped.bytes.subarray(1, 13));
    assert.equal(await sealWithWebCrypto(freshNonce), Buffer.from(wrapped.bytes).toString('hex'));
  });

  it('is bound to the wrapper id and the KEK id even where the KEK is the same', async () => {
    const wrapped = await local('one', 'kek-a').wrap(key, vector.place);
    await assert.rejects(
      local('two', 'kek-a').unwrap({ ...wrapped, wrapperId: 'two' }, vector.place),
      KeyRefused,
    );
    await assert.rejects(
      local('one', 'kek-a', 'kek-b').unwrap({ ...wrapped, kekId: 'kek-b' }, vector.place),
      KeyRefused,
    );
  });
});

/** The documented format from the vector's parts, sharing no code with the adapter. */
async function sealWithWebCrypto(nonce: Uint8Array<ArrayBuffer>): Promise<string> {
  const { subtle } = webcrypto;
  const context = hex(vector.contextHex);
  const hash = new Uint8Array(await subtle.digest('SHA-256', context));
  const info = new Uint8Array([...new TextEncoder().encode('sealslot/local-wrap/v1'), ...hash]);
  const derived = await subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info },
    await subtle.importKey('raw', hex(vector.kekHex), 'HKDF', false, ['deriveKey']),
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt'],
  );
  const sealed = await subtle.encrypt(
    { name: 'AES-GCM', iv: nonce, additionalData: context },
    derived,
    hex(vector.keyHex),
  );
  return Buffer.concat([Buffer.of(1), nonce, new Uint8Array(sealed)]).toString('hex');
}
