import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { decodeJwt, SignJWT } from 'jose';
import { grantAuthenticator } from '../../../src/access/adapters/grant.ts';
import { signGrant, type Grant } from '../../../src/access/grant.ts';
import { signLink, verifyLink } from '../../../src/access/link.ts';
import { DependencyUnavailable, LinkInvalid, Unauthenticated } from '../../../src/errors.ts';
import { Secret } from '../../../src/secret.ts';
import type { GrantStore } from '../../../src/store/port.ts';
import { grantOf, idOf, NOW } from '../../contract/store-rows.ts';

const secret = new Secret('a secret of the tests, and of nothing else');
const other = new Secret('another secret of the tests, and of none else');
const grant = grantOf(1);
const bytes = (of: Secret) => new TextEncoder().encode(of.reveal());
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const claims = { tenant: grant.tenant, sub: grant.id, exp: grant.endsAt / 1000 };
const header = { alg: 'HS256', typ: 'sealslot-grant+jwt' };
const jwt = (
  payload: object,
  protectedHeader: { alg: string } & Record<string, unknown> = header,
  by = secret,
) => new SignJWT({ ...payload }).setProtectedHeader(protectedHeader).sign(bytes(by));

/** Asked for what is wanted only: nothing else of the store is touched. */
function world(
  stored: readonly Grant[] = [grant],
  options: { secrets?: readonly Secret[]; at?: number } = {},
) {
  const asked: string[] = [];
  const unused = () => Promise.reject(new Error('unused'));
  const store: GrantStore = {
    insert: unused,
    list: unused,
    revoke: unused,
    dropEnded: unused,
    get: async (tenant, id) => {
      asked.push(`${tenant} ${id}`);
      return stored.find((one) => one.tenant === tenant && one.id === id);
    },
  };
  const { secrets = [secret], at = NOW } = options;
  const clock = { at };
  return { authenticator: grantAuthenticator({ secrets, store, now: () => clock.at }), asked, clock };
}

async function refuses(
  { authenticator }: Pick<ReturnType<typeof world>, 'authenticator'>,
  token: string,
  says: RegExp,
): Promise<void> {
  await assert.rejects(authenticator.authenticate(token), (error: unknown) => {
    assert.ok(error instanceof Unauthenticated, inspect(error));
    assert.match(error.message, says);
    assert.ok(!inspect(error, { depth: 9 }).includes(token), 'the error shows the token');
    return true;
  });
}

const token = await signGrant(secret, grant);
const [head = '', body = '', signature = ''] = token.split('.');
const forged: [what: string, token: string][] = [
  ['alg none without signature', `${encode({ ...header, alg: 'none' })}.${body}.`],
  ['alg none with the signature', `${encode({ ...header, alg: 'none' })}.${body}.${signature}`],
  ['no signature', `${head}.${body}.`],
  ['another grant', `${head}.${encode({ ...claims, sub: idOf(2) })}.${signature}`],
  ['another tenant', `${head}.${encode({ ...claims, tenant: 'globex' })}.${signature}`],
  ['a later end', `${head}.${encode({ ...claims, exp: claims.exp + 1 })}.${signature}`],
  ['another secret', await jwt(claims, header, other)],
  ['another algorithm with the secret', await jwt(claims, { ...header, alg: 'HS512' })],
  ['an unknown crit', `${encode({ ...header, crit: ['x'], x: 1 })}.${body}.${signature}`],
  ['a key of its own', `${encode({ ...header, jwk: { kty: 'oct', k: 'AAAA' } })}.${body}.${signature}`],
  [
    'a link’s signature under a grant’s type',
    `${head}.${(await signLink(secret, linkOf())).split('.')[1]}.x`,
  ],
  ...(await Promise.all(
    Object.keys(claims).map(async (name): Promise<[string, string]> => {
      const { [name]: _, ...rest } = { ...claims } as Record<string, unknown>;
      return [`no ${name}`, await jwt(rest)];
    }),
  )),
  ['a tenant that is no text', await jwt({ ...claims, tenant: ['acme'] })],
  ['an end that is a text', await jwt({ ...claims, exp: String(claims.exp) })],
  ['one that is not good yet', await jwt({ ...claims, nbf: NOW / 1000 + 1 })],
];

function linkOf() {
  const expiresAt = NOW + 60_000;
  return { tenant: 'acme', uploadId: grant.id, generation: 1, disposition: 'attachment', expiresAt } as const;
}

describe('a grant as credentials', () => {
  it('is its maker’s tenant, an identity of its own, uploads:write and its limits', async () => {
    const { authenticator, asked } = world();
    const principal = await authenticator.authenticate(token);
    assert.deepEqual(principal, {
      tenant: 'acme',
      id: `grant:${grant.id}`,
      scopes: new Set(['uploads:write']),
      grant,
    });
    assert.deepEqual(asked, [`acme ${grant.id}`]);
  });

  it('holds what names it and no limit, prefix or metadata', () => {
    assert.deepEqual(Object.keys(decodeJwt(token)).sort(), ['exp', 'sub', 'tenant']);
  });

  it('is good until what it began has ended, beyond its expiry', async () => {
    for (const at of [grant.expiresAt, grant.endsAt - 1])
      assert.ok(await world([grant], { at }).authenticator.authenticate(token));
    const ended = world([grant], { at: grant.endsAt });
    await refuses(ended, token, /has ended/);
    assert.deepEqual(ended.asked, [], 'the store was asked');
  });

  it('is refused once it is revoked, and says so, though it has the time', async () => {
    await refuses(world([{ ...grant, revokedAt: NOW }]), token, /has been revoked/);
  });

  it('is refused when it is not in the store, nor under this tenant', async () => {
    await refuses(world([]), token, /not known/);
    await refuses(world([{ ...grant, tenant: 'globex' }]), token, /not known/);
  });

  it('is taken by any of the secrets, and by one taken out no more', async () => {
    for (const secrets of [
      [other, secret],
      [secret, other],
    ])
      assert.ok(await world([grant], { secrets }).authenticator.authenticate(token));
    await refuses(world([grant], { secrets: [other] }), token, /not valid/);
  });

  it('cannot be told while the store does not answer', async () => {
    const failure = new DependencyUnavailable('store', undefined);
    const { authenticator } = world();
    const store = { get: () => Promise.reject(failure) } as unknown as GrantStore;
    const down = grantAuthenticator({ secrets: [secret], store, now: () => NOW });
    await assert.rejects(down.authenticate(token), failure);
    assert.ok(await authenticator.authenticate(token));
  });

  for (const [what, text] of forged)
    it(`is refused with ${what}, without a look into the store`, async () => {
      const forge = world();
      await refuses(forge, text, /not valid/);
      assert.deepEqual(forge.asked, []);
    });

  it('in another case or with application/ before its type is one all the same', async () => {
    for (const typ of ['SEALSLOT-grant+JWT', 'application/sealslot-grant+jwt'])
      assert.ok(await world().authenticator.authenticate(await jwt(claims, { ...header, typ })));
  });

  it('is nobody else’s: tokens of other kinds are left to others, by whatever key they are signed', async () => {
    const { authenticator, asked } = world();
    for (const text of [
      `slk_${'0'.repeat(16)}_${'A'.repeat(43)}`,
      await jwt(claims, { ...header, typ: 'JWT' }),
      await jwt(claims, { ...header, typ: 'at+jwt' }),
      await jwt(claims, { alg: 'HS256' }),
      await signLink(secret, linkOf()),
      `${encode({ ...header, typ: ['sealslot-grant+jwt'] })}.${body}.${signature}`,
      `${encode({ ...header, typ: 1 })}.${body}.${signature}`,
      'e30.e30.e30',
      '..',
      '',
      'no token',
      `${token}.x`,
      `${head}.${'A'.repeat(3000)}.${signature}`,
    ]) {
      assert.equal(await authenticator.authenticate(text), undefined, text);
    }
    assert.deepEqual(asked, []);
  });

  it('is verified once, and read each time', async (t) => {
    const verify = t.mock.method(crypto.subtle, 'verify');
    const { authenticator, asked } = world([grant], { secrets: [other, secret] });
    for (let n = 0; n < 3; n += 1) assert.deepEqual((await authenticator.authenticate(token))?.grant, grant);
    // By each of the secrets.
    assert.equal(verify.mock.callCount(), 2);
    assert.equal(asked.length, 3);
  });

  it('is refused once it is revoked or gone, though its token is known', async () => {
    const stored = [grant];
    const known = world(stored);
    assert.ok(await known.authenticator.authenticate(token));
    stored[0] = { ...grant, revokedAt: NOW };
    await refuses(known, token, /has been revoked/);
    stored.pop();
    await refuses(known, token, /not known/);
  });

  it('ends though its token is known, to the millisecond', async () => {
    const known = world();
    assert.ok(await known.authenticator.authenticate(token));
    known.clock.at = grant.endsAt - 1;
    assert.ok(await known.authenticator.authenticate(token));
    known.clock.at = grant.endsAt;
    await refuses(known, token, /has ended/);
    assert.equal(known.asked.length, 2);
  });

  it('is one by its header, however many other headers there were', async () => {
    const { authenticator } = world();
    for (let n = 0; n < 300; n += 1)
      assert.equal(await authenticator.authenticate(`${encode({ alg: 'HS256', n })}.${body}.x`), undefined);
    assert.ok(await authenticator.authenticate(token));
    assert.equal(await authenticator.authenticate(`${token}.x`), undefined);
    assert.equal(await authenticator.authenticate(`${head} .${body}.${signature}`), undefined);
    assert.equal(await authenticator.authenticate(head), undefined);
  });

  it('opens no content as a link, though one secret signs both', async () => {
    await assert.rejects(verifyLink([secret], token, NOW), LinkInvalid);
  });

  it('with any one character changed lets nobody in', async () => {
    const letter = fc.stringMatching(/^[\w.-]$/);
    // The last character of a signature of 32 bytes has two bits that say nothing.
    const place = fc.integer({ min: 0, max: token.length - 2 });
    const known = world();
    assert.ok(await known.authenticator.authenticate(token));
    const property = fc.asyncProperty(
      place,
      letter,
      fc.constantFrom('new', 'known'),
      async (at, char, to) => {
        fc.pre(token[at] !== char);
        const { authenticator, asked } = to === 'new' ? world() : known;
        asked.length = 0;
        const changed = token.slice(0, at) + char + token.slice(at + 1);
        const principal = await authenticator.authenticate(changed).catch((error: unknown) => {
          assert.ok(error instanceof Unauthenticated);
        });
        assert.equal(principal, undefined);
        assert.deepEqual(asked, []);
      },
    );
    await fc.assert(property, { numRuns: 500 });
  });
});
