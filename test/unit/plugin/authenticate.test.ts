import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createApiKey } from '../../../src/access/adapters/api-key.ts';
import { HostUnfit, Unauthenticated, type SealslotOptions } from '../../../src/index.ts';
import { openSqliteStore } from '../../../src/store/adapters/sqlite.ts';
import { ALL_SCOPES, call, hostWith, place, SLOT, type Place } from './world.ts';

const alice = { tenant: 'acme', subject: 'alice', scopes: ALL_SCOPES };
const refusal = (statusCode: number) => Object.assign(new Error('not you'), { statusCode });

/** What the application's function answers or throws, and what the caller then gets. */
const CASES: readonly (readonly [name: string, answer: unknown, status: number, code?: string])[] = [
  ['a principal', alice, 201],
  ['scopes as a set', { ...alice, scopes: new Set(ALL_SCOPES) }, 201],
  ['a subject of other letters', { ...alice, subject: 'Łucja 🙂' }, 201],
  ['scopes of other services among its own', { ...alice, scopes: [...ALL_SCOPES, 'mail:read', 7] }, 201],
  ['nobody', undefined, 401, 'unauthenticated'],
  ['null', null, 401, 'unauthenticated'],
  ['a tenant that is not there', { ...alice, tenant: 'initech' }, 401, 'unauthenticated'],
  [
    'a tenant named like a member of all objects',
    { ...alice, tenant: 'constructor' },
    401,
    'unauthenticated',
  ],
  ['no tenant', { subject: 'alice', scopes: ALL_SCOPES }, 401, 'unauthenticated'],
  ['no subject', { tenant: 'acme', scopes: ALL_SCOPES }, 401, 'unauthenticated'],
  ['an empty subject', { ...alice, subject: '' }, 401, 'unauthenticated'],
  ['a number as subject', { ...alice, subject: 7 }, 401, 'unauthenticated'],
  ['a subject of 257 characters', { ...alice, subject: 'a'.repeat(257) }, 401, 'unauthenticated'],
  ['a subject of two lines', { ...alice, subject: 'a\nb' }, 401, 'unauthenticated'],
  ['half a character as subject', { ...alice, subject: '\ud800' }, 401, 'unauthenticated'],
  ['no scopes', { tenant: 'acme', subject: 'alice' }, 401, 'unauthenticated'],
  ['scopes as one text', { ...alice, scopes: 'uploads:write' }, 401, 'unauthenticated'],
  ['a text', 'alice', 401, 'unauthenticated'],
  ['true', true, 401, 'unauthenticated'],
  ['unknown scopes alone', { ...alice, scopes: ['uploads:all'] }, 403, 'insufficient_scope'],
  ['another scope', { ...alice, scopes: ['uploads:read'] }, 403, 'insufficient_scope'],
  ['an error of 401', refusal(401), 401, 'unauthenticated'],
  ['an error of 403', refusal(403), 401, 'unauthenticated'],
  ['our own error', new Unauthenticated('Log in.'), 401, 'unauthenticated'],
  ['an error of 500', refusal(500), 503, 'dependency_unavailable'],
  [
    'scopes that throw when they are read',
    {
      ...alice,
      get scopes(): never {
        throw new Error('the session store is gone');
      },
    },
    503,
    'dependency_unavailable',
  ],
  ['an error without a status', new TypeError('the session store is gone'), 503, 'dependency_unavailable'],
];

describe('what `authenticate` says', () => {
  let at: Place;
  let token: string;
  before(async () => {
    at = await place();
    const store = await openSqliteStore({ path: `${at.dir}/sealslot.db`, exclusive: true });
    const made = createApiKey({
      ...{ tenant: 'acme', name: 'partner', scopes: ['uploads:write'], expiresAt: null },
      now: Date.now(),
    });
    await store.apiKeys.insert(made.record);
    await store.close();
    token = made.token.reveal();
  });
  after(() => at[Symbol.asyncDispose]());

  async function with_(
    options: Partial<SealslotOptions>,
    work: (host: Awaited<ReturnType<typeof hostWith>>) => Promise<void>,
  ) {
    await using host = await hostWith(at, options);
    await work(host);
  }

  it('decides, whatever it is, and is never a 500', async () => {
    let answer: unknown;
    const authenticate = async () => {
      if (answer instanceof Error) throw answer;
      return answer as typeof alice;
    };
    await with_({ authenticate }, async ({ app, logged }) => {
      for (const [name, given, status, code] of CASES) {
        answer = given;
        const said = await call(app, undefined, 'POST', '/v1/uploads', { body: SLOT });
        assert.deepEqual([said.status, said.body['code']], [status, code], `${name}: ${said.text}`);
        if (status === 503) assert.equal(said.headers['retry-after'], '5');
        for (const text of ['not you', 'the session store is gone'])
          assert.ok(!said.text.includes(text), name);
      }
      assert.match(logged(), /authenticate: |"name":"Unauthenticated".*"cause"/);
      const metrics = await app.sealslot.metrics.metrics();
      assert.match(metrics, /dependency_errors_total\{dependency="authentication"\} 3/);
    });
  });

  it('is asked first; a bearer token counts for whom it does not know', async () => {
    const bearer = { body: SLOT, headers: { authorization: `Bearer ${token}` } };
    await with_({}, async ({ app }) => {
      const { body } = await call(app, undefined, 'POST', '/v1/uploads', bearer);
      const request = `/v1/uploads/${String(body['id'])}/request`;
      assert.equal((await call(app, undefined, 'POST', request, { headers: bearer.headers })).status, 200);
      const session = await call(app, 'alice', 'POST', request, { headers: bearer.headers });
      assert.equal(session.body['code'], 'not_slot_owner', 'the session counts, not the token beside it');
    });
    await with_({ bearer: false }, async ({ app }) => {
      const { status, body } = await call(app, undefined, 'POST', '/v1/uploads', bearer);
      assert.deepEqual([status, body['code']], [401, 'unauthenticated']);
      assert.equal((await call(app, 'alice', 'POST', '/v1/uploads', { body: SLOT })).status, 201);
    });
    await with_({ authenticate: undefined } as object, async ({ app }) => {
      assert.equal((await call(app, 'alice', 'POST', '/v1/uploads', { body: SLOT })).status, 401);
      assert.equal((await call(app, undefined, 'POST', '/v1/uploads', bearer)).status, 201);
    });
  });

  it('must be there where nothing else lets anybody in', async () => {
    await assert.rejects(hostWith(at, { authenticate: undefined, bearer: false } as object), HostUnfit);
  });
});
