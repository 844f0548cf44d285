import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { jwtAuthenticator } from '../../../src/access/adapters/jwt.ts';
import type { Authenticator } from '../../../src/access/port.ts';
import type { IssuerConfig } from '../../../src/config/config.ts';
import { Unauthenticated } from '../../../src/errors.ts';
import { ISSUER, NOW, claims, encode, issuerConfig, jwt, testKey } from './issuer.ts';

const SECONDS = NOW / 1_000;
const key = testKey('k1');
const stranger = testKey('k1');
const otherIssuersKey = testKey('k2');

const directory = mkdtempSync(join(tmpdir(), 'jwt-test-'));
after(() => rmSync(directory, { recursive: true }));
const jwks = { kind: 'file', path: join(directory, 'jwks.json') } as const;
const otherJwks = { kind: 'file', path: join(directory, 'other.json') } as const;
writeFileSync(jwks.path, JSON.stringify({ keys: [key.jwk] }));
writeFileSync(otherJwks.path, JSON.stringify({ keys: [otherIssuersKey.jwk] }));

function authenticator(changes: Partial<IssuerConfig> = {}): Authenticator {
  const other = issuerConfig(otherJwks, { issuer: 'https://other.example' });
  return jwtAuthenticator({ issuers: [other, issuerConfig(jwks, changes)], now: () => NOW });
}

async function refuses(token: string, changes: Partial<IssuerConfig> = {}, cause?: RegExp): Promise<void> {
  await assert.rejects(authenticator(changes).authenticate(token), (error: unknown) => {
    assert.ok(error instanceof Unauthenticated);
    assert.equal(error.message, 'The access token is not valid.');
    assert.ok(error.cause instanceof Error);
    if (cause !== undefined) assert.match(error.cause.message, cause);
    const shown = inspect(error, { depth: 9 });
    assert.ok(!shown.includes(token) && !shown.includes(claims.sub), 'the error shows the token');
    return true;
  });
}

function hs256(secret: string | Buffer): string {
  const input = `${encode({ alg: 'HS256', typ: 'at+jwt', kid: 'k1' })}.${encode(claims)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

describe('jwtAuthenticator', () => {
  it('knows the principal', async () => {
    assert.deepEqual(await authenticator().authenticate(jwt(key)), {
      tenant: 'fixed',
      id: `jwt:${ISSUER} user 1`,
      scopes: new Set(['uploads:write', 'uploads:read']),
    });
  });

  const good: [what: string, token: string, changes?: Partial<IssuerConfig>][] = [
    ['one of several audiences', jwt(key, { aud: ['x', 'other'] })],
    ['the last second of the tolerance after exp', jwt(key, { exp: SECONDS - 4 })],
    ['the tolerance before nbf', jwt(key, { nbf: SECONDS + 5 })],
    ['the media type in full and any case', jwt(key, {}, { typ: 'Application/AT+JWT' })],
    ['another accepted type', jwt(key, {}, { typ: 'JWT' }), { types: ['at+jwt', 'jwt'] }],
    ['no typ where none is accepted', jwt(key, {}, { typ: undefined }), { types: [''] }],
    ['no kid where there is one key', jwt(key, {}, { kid: undefined })],
  ];
  for (const [what, token, changes] of good) {
    it(`takes ${what}`, async () => assert.ok(await authenticator(changes).authenticate(token)));
  }

  it('leaves other kinds of tokens alone', async () => {
    for (const token of ['slk_0123456789abcdef_x', 'opaque', 'a.b', 'a.b.c.d.e', '', '..']) {
      assert.equal(await authenticator().authenticate(token), undefined);
    }
  });

  it('refuses to be made with one issuer twice', () => {
    const issuers = [issuerConfig(jwks), issuerConfig(otherJwks)];
    assert.throws(() => jwtAuthenticator({ issuers, now: () => NOW }), /configured twice/);
  });
});

describe('tenant and scopes of a JWT', () => {
  const byClaim = { tenant: { kind: 'claim', claim: 'tenant' } } as const;

  it('takes the tenant from the claim', async () => {
    assert.equal((await authenticator(byClaim).authenticate(jwt(key)))?.tenant, 'acme');
  });
  for (const tenant of [undefined, '', null, 5, ['acme'], { name: 'acme' }, '\ud800']) {
    it(`refuses the tenant ${JSON.stringify(tenant)}`, () =>
      refuses(jwt(key, { tenant }), byClaim, /tenant/));
  }
  it('refuses a claim that only the prototype has', () =>
    refuses(jwt(key), { tenant: { kind: 'claim', claim: 'constructor' } }));

  const scopes: [claim: unknown, expected: string[]][] = [
    ['objects:read', ['objects:read']],
    ['  objects:read   objects:delete ', ['objects:read', 'objects:delete']],
    [['uploads:write', 'x', 5, null], ['uploads:write']],
    [['uploads:write uploads:read'], []],
    ['UPLOADS:WRITE,uploads:read', []],
    ['', []],
    [undefined, []],
    [null, []],
    [{ 'uploads:write': true }, []],
  ];
  for (const [scp, expected] of scopes) {
    it(`reads the scopes ${JSON.stringify(scp)}`, async () => {
      const principal = await authenticator({ scopesClaim: 'scp' }).authenticate(jwt(key, { scp }));
      assert.deepEqual(principal?.scopes, new Set(expected));
    });
  }
});

describe('refused JWTs', () => {
  const pem = key.publicKey.export({ format: 'pem', type: 'spki' });
  const der = key.publicKey.export({ format: 'der', type: 'spki' });
  const valid = jwt(key);
  const [head = '', body = '', signature = ''] = valid.split('.');
  const attacks: [what: string, token: string, cause?: RegExp, changes?: Partial<IssuerConfig>][] = [
    ['alg none without signature', `${encode({ alg: 'none', typ: 'at+jwt' })}.${body}.`],
    ['alg none with signature', `${encode({ alg: 'none', typ: 'at+jwt' })}.${body}.${signature}`],
    ['alg None', `${encode({ alg: 'None', typ: 'at+jwt' })}.${body}.`],
    ['HS256 with the public key in PEM', hs256(pem)],
    ['HS256 with the public key in DER', hs256(der)],
    ['HS256 with the public JWK', hs256(JSON.stringify(key.jwk))],
    ['an algorithm not on the list', valid, /alg/, { algorithms: ['RS256'] }],
    ['any token with an empty list', valid, /alg/, { algorithms: [] }],
    ['a missing alg', jwt(key, {}, { alg: undefined })],
    ['no signature', `${head}.${body}.`],
    ['a changed payload', `${head}.${encode({ ...claims, sub: 'root' })}.${signature}`, /signature/],
    ["a stranger's signature", jwt(stranger), /signature/],
    ["another issuer's key", jwt(otherIssuersKey), /no applicable key/],
    ["another issuer's name", jwt(key, { iss: 'https://other.example' }), /no applicable key/],
    ['a wrong aud', jwt(key, { aud: 'else' }), /"aud"/],
    ['a wrong aud list', jwt(key, { aud: ['else', 'Sealslot'] }), /"aud"/],
    ['a missing aud', jwt(key, { aud: undefined }), /"aud"/],
    ['an unknown iss', jwt(key, { iss: `${ISSUER}/` }), /unknown issuer/],
    ['a missing iss', jwt(key, { iss: undefined }), /unknown issuer/],
    ['an iss that is a list', jwt(key, { iss: [ISSUER] }), /unknown issuer/],
    ['a wrong typ', jwt(key, {}, { typ: 'JWT' }), /typ/],
    ['a missing typ', jwt(key, {}, { typ: undefined }), /typ/],
    ['an empty typ', jwt(key, {}, { typ: '' }), /typ/, { types: [''] }],
    ['a bare application/', jwt(key, {}, { typ: 'application/' }), /typ/, { types: [''] }],
    ['a typ that is no text', jwt(key, {}, { typ: ['at+jwt'] }), /typ/],
    ['an expired one', jwt(key, { exp: SECONDS - 5 }), /"exp"/],
    ['a missing exp', jwt(key, { exp: undefined }), /"exp"/],
    ['an exp that is a text', jwt(key, { exp: String(SECONDS + 60) }), /"exp"/],
    ['one not yet valid', jwt(key, { nbf: SECONDS + 6 }), /"nbf"/],
    ['a missing sub', jwt(key, { sub: undefined }), /sub/],
    ['an empty sub', jwt(key, { sub: '' }), /sub/],
    ['a sub that is a number', jwt(key, { sub: 5 }), /sub/],
    ['an ill-formed sub', jwt(key, { sub: '\ud800' }), /sub/],
    ['an unknown kid', jwt(key, {}, { kid: 'nobody' }), /no applicable key/],
    ['a kid that is a path', jwt(key, {}, { kid: '../../dev/null' }), /no applicable key/],
    ['an embedded jwk', jwt(stranger, {}, { jwk: stranger.jwk }), /jwk/],
    ['a good signature with an embedded jwk', jwt(key, {}, { jwk: key.jwk }), /jwk/],
    ['jku', jwt(stranger, {}, { jku: 'https://evil.example/jwks' }), /jku/],
    ['x5u', jwt(stranger, {}, { x5u: 'https://evil.example/cert' }), /x5u/],
    ['x5c', jwt(stranger, {}, { x5c: ['AAAA'] }), /x5c/],
    ['an unknown crit', jwt(key, {}, { crit: ['exp'], exp: 1 }), /crit/],
    ['a crit that jose knows', jwt(key, {}, { crit: ['b64'], b64: true }), /crit/],
    ['an empty crit', jwt(key, {}, { crit: [] }), /crit/],
    ['an unencoded payload', jwt(key, {}, { b64: false }), /b64/],
    ['10 kB with a good signature', jwt(key, { pad: 'x'.repeat(10_000) }), /longer than/],
    ['10 kB of anything', 'x'.repeat(10_000), /longer than/],
    ['three parts of nonsense', 'abc.def.ghi'],
    ['a payload that is a list', `${head}.${encode([claims])}.${signature}`],
    ['a header that is no JSON', `${Buffer.from('{"alg"').toString('base64url')}.${body}.${signature}`],
  ];
  for (const [what, token, cause, changes] of attacks) {
    it(`refuses ${what}`, () => refuses(token, changes, cause));
  }

  it('takes a sub of 1,024 bytes, and refuses one that no store could hold, with a word why', async () => {
    const longest = 'é'.repeat(512);
    const principal = await authenticator().authenticate(jwt(key, { sub: longest }));
    assert.equal(principal?.id, `jwt:${ISSUER} ${longest}`);
    for (const [sub, detail] of [
      [`${longest}x`, /^The sub of the access token is longer than 1024 bytes\.$/],
      ['a\0b', /^The sub of the access token holds control characters\.$/],
      ['a\nb', /control characters/],
    ] as const) {
      await assert.rejects(
        authenticator().authenticate(jwt(key, { sub })),
        (error: unknown) => error instanceof Unauthenticated && detail.test(error.message),
      );
    }
  });
});
