import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { decodeJwt, SignJWT } from 'jose';
import { signLink, verifyLink, type Link } from '../../../src/access/link.ts';
import { LinkInvalid } from '../../../src/errors.ts';
import { Secret } from '../../../src/secret.ts';

const NOW = 1_800_000_000_500;
const secret = new Secret('a secret of the tests, and of nothing else');
const other = new Secret('another secret of the tests, and of none else');
const link: Link = {
  tenant: 'acme',
  uploadId: '018f0000-0000-7000-8000-000000000000',
  generation: 1,
  disposition: 'attachment',
  expiresAt: 1_800_000_060_000,
};
const bytes = (of: Secret) => new TextEncoder().encode(of.reveal());
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const claims = { tenant: link.tenant, generation: 1, sub: link.uploadId, exp: link.expiresAt / 1000 };
const header = { alg: 'HS256', typ: 'sealslot-link+jwt' };
const jwt = (
  payload: object,
  protectedHeader: { alg: string } & Record<string, unknown> = header,
  by = secret,
) => new SignJWT({ ...payload }).setProtectedHeader(protectedHeader).sign(bytes(by));

async function refuses(text: string, secrets: readonly Secret[] = [secret], says = /no link/): Promise<void> {
  await assert.rejects(verifyLink(secrets, text, NOW), (error: unknown) => {
    assert.ok(error instanceof LinkInvalid, inspect(error));
    assert.match(error.message, says);
    assert.ok(text === '' || !inspect(error, { depth: 9 }).includes(text), 'the error shows the link');
    return true;
  });
}

const [head = '', body = '', signature = ''] = (await signLink(secret, link)).split('.');
const none = (typ: string) => `${encode({ alg: 'none', typ })}.${body}`;
const forged: [what: string, text: string][] = [
  ['nothing', ''],
  ['dots', '..'],
  ['any text', 'x'.repeat(900)],
  ['alg none without signature', `${none(header.typ)}.`],
  ['alg none with the signature', `${none(header.typ)}.${signature}`],
  ['no signature', `${head}.${body}.`],
  ['a part too many', `${head}.${body}.${signature}.x`],
  ['a changed slot', `${head}.${encode({ ...claims, sub: 'x' })}.${signature}`],
  ['a changed end', `${head}.${encode({ ...claims, exp: claims.exp + 1 })}.${signature}`],
  ['another secret', await jwt(claims, header, other)],
  ['another algorithm with the secret', await jwt(claims, { ...header, alg: 'HS512' })],
  ['a JWT of another type with the secret', await jwt(claims, { ...header, typ: 'JWT' })],
  ['a grant’s type with the secret', await jwt(claims, { ...header, typ: 'sealslot-grant+jwt' })],
  ['no type', await jwt(claims, { alg: 'HS256' })],
  ['an unknown crit', `${encode({ ...header, crit: ['x'], x: 1 })}.${body}.${signature}`],
  ...(await Promise.all(
    Object.keys(claims).map(async (name): Promise<[string, string]> => {
      const { [name]: _, ...rest } = { ...claims } as Record<string, unknown>;
      return [`no ${name}`, await jwt(rest)];
    }),
  )),
  ['an end that is a text', await jwt({ ...claims, exp: String(claims.exp) })],
  ['one that is not good yet', await jwt({ ...claims, nbf: Math.ceil(NOW / 1000) + 1 })],
];

describe('a link', () => {
  it('says what was signed, until its last moment', async () => {
    for (const each of [link, { ...link, disposition: 'inline', generation: 7, tenant: 'globex' } as const]) {
      const text = await signLink(secret, each);
      assert.match(text, /^[A-Za-z0-9_.-]{1,500}$/);
      assert.deepEqual(await verifyLink([secret], text, NOW), each);
      assert.deepEqual(await verifyLink([secret], text, link.expiresAt - 1), each);
      await assert.rejects(verifyLink([secret], text, link.expiresAt), /has ended/);
    }
  });

  it('holds the slot, not its object’s name, and no key', async () => {
    const payload = decodeJwt(await signLink(secret, link));
    assert.deepEqual(Object.keys(payload).sort(), ['exp', 'generation', 'sub', 'tenant']);
  });

  it('is taken by any of the secrets: a rotated one too, one taken out no more, and without secrets none is', async () => {
    const text = await signLink(secret, link);
    assert.deepEqual(await verifyLink([other, secret], text, NOW), link);
    assert.deepEqual(await verifyLink([secret, other], text, NOW), link);
    await refuses(text, [other]);
    await refuses(text, []);
  });

  it('that has ended says so only where its signature is good', async () => {
    const text = await jwt({ ...claims, exp: Math.floor(NOW / 1000) });
    await refuses(text, [secret], /has ended/);
    await refuses(text, [other, secret], /has ended/);
    await refuses(text, [other]);
  });

  it('made of our own parts is taken: the forgeries below fail for what is wrong in them', async () => {
    assert.deepEqual(await verifyLink([secret], await jwt(claims), NOW), link);
  });

  for (const [what, text] of forged) it(`refuses ${what}`, () => refuses(text));

  it('with any one character changed is refused', async () => {
    const text = `${head}.${body}.${signature}`;
    const letter = fc.stringMatching(/^[\w.-]$/);
    // The last character of a signature of 32 bytes has two bits that say nothing.
    const place = fc.integer({ min: 0, max: text.length - 2 });
    const property = fc.asyncProperty(place, letter, async (at, char) => {
      fc.pre(text[at] !== char);
      await refuses(text.slice(0, at) + char + text.slice(at + 1));
    });
    await fc.assert(property, { numRuns: 500 });
  });
});
