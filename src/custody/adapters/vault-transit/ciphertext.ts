import { KeyRefused } from '../../errors.ts';

/**
 * Only the form that Vault itself writes: it opens others as well (`v0` for `v1`, line breaks within base64, idle bits set), so that
 * changed bytes would go unnoticed.
 */
const FORM = /^vault:v([1-9][0-9]{0,8}):([A-Za-z0-9+/]+={0,2})$/;

/** @returns the key version, or `undefined` for what is no ciphertext in Vault's form. */
export function versionOf(ciphertext: string): number | undefined {
  const [, version, base64 = ''] = FORM.exec(ciphertext) ?? [];
  if (version === undefined || Buffer.from(base64, 'base64').toString('base64') !== base64) return undefined;
  return Number(version);
}

/** @throws KeyRefused for bytes that Vault did not write. */
export function ciphertextOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('utf8');
  if (versionOf(text) === undefined) {
    throw new KeyRefused("The wrapped key is not in the form of a transit engine's ciphertext.", {
      refusal: 'wrong_form',
    });
  }
  return text;
}
