import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ciphertextOf, versionOf } from '../../../src/custody/adapters/vault-transit/ciphertext.ts';

describe('the form of a ciphertext', () => {
  it('is what Vault writes, with its version', () => {
    for (const [ciphertext, version] of [
      ['vault:v1:AAAA', 1],
      ['vault:v12:+/8=', 12],
      ['vault:v3:Zg==', 3],
    ] as const) {
      assert.equal(versionOf(ciphertext), version);
      assert.equal(ciphertextOf(Buffer.from(ciphertext)), ciphertext);
    }
  });

  it('is nothing that Vault would open as well, nor anything else', () => {
    for (const other of [
      'vault:v0:AAAA',
      'vault:v01:AAAA',
      'vault:v+1:AAAA',
      'vault:v1:AAAA\n',
      'vault:v1:AA\nAA',
      // Idle bits, which decoders drop.
      'vault:v1:Zh==',
      'vault:v1:AAA',
      'vault:v1:-_8=',
      'vault:v1:',
      'Vault:v1:AAAA',
      '',
    ]) {
      assert.equal(versionOf(other), undefined, other);
      assert.throws(() => ciphertextOf(Buffer.from(other)), { code: 'key_refused', refusal: 'wrong_form' });
    }
    assert.throws(() => ciphertextOf(Buffer.from('7661756c743a76313aff', 'hex')), { refusal: 'wrong_form' });
  });
});
