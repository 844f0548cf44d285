import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { signLink } from '../../../src/access/link.ts';
import { ROUTES } from '../../../src/app.ts';
import { Secret } from '../../../src/secret.ts';
import { continueRekey } from '../../../src/uploads/rekey.ts';
import { claim } from '../../../src/uploads/rekey/lease.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, type Harness, type HarnessOptions } from '../../support/harness.ts';
import { ask, bearer, pathsOf, uploaded } from './asking.ts';
import { BODIES } from './bodies.ts';

const BYTES = Buffer.from('what only a link opens');
const SECRET = new Secret('a secret of the tests, and of nothing else');

describe('links', () => {
  let s3: FakeObjectStore;
  let h: Harness;
  let token: string;
  let id: string;
  const start = async (options: Partial<HarnessOptions> = {}) => {
    s3 = new FakeObjectStore();
    h = await makeHarness({ target: fakeTarget(s3), ...options });
    token = await h.token();
    id = (await uploaded(h, s3, token, BYTES)).id as string;
  };
  beforeEach(() => start());
  afterEach(() => h[Symbol.asyncDispose]());
  const restart = async (options: Partial<HarnessOptions>) => {
    await h[Symbol.asyncDispose]();
    await start(options);
  };
  const linkTo = async (body: object = {}) => {
    const answer = await h.call('POST', `/v1/uploads/${id}/links`, { token, body });
    assert.equal(answer.status, 201, answer.text);
    return answer.body as { url: string; expiresAt: string };
  };
  const refused = async (url: string) => {
    const answer = await ask(h, 'GET', url);
    assert.equal(answer.status, 404, answer.text);
    assert.match(answer.text, /"code":"link_invalid"/);
    assert.equal((await ask(h, 'HEAD', url)).status, 404);
    assert.equal(s3.calls.get('open'), undefined, 'S3 was asked');
  };

  it('open the content without credentials until they end, on the API’s own address', async () => {
    const { url, expiresAt } = await linkTo();
    assert.match(url, /^\/v1\/content\/[\w.-]+$/);
    assert.equal(Date.parse(expiresAt), Math.floor(h.clock.now / 1000 + 300) * 1000);
    const got = await ask(h, 'GET', url);
    assert.deepEqual([got.status, got.text], [200, BYTES.toString()]);
    assert.equal((await ask(h, 'HEAD', url)).headers['content-length'], String(BYTES.length));
    h.clock.now = Date.parse(expiresAt) - 1;
    assert.equal((await ask(h, 'GET', url)).status, 200);
    s3.calls.clear();
    h.clock.now += 1;
    await refused(url);
  });

  it('live as long as asked, within the configured most', async () => {
    const seconds = async (body: object) => Date.parse((await linkTo(body)).expiresAt) - h.clock.now;
    assert.ok(Math.abs((await seconds({ expiresInSeconds: 60 })) - 60_000) < 1000);
    assert.ok(Math.abs((await seconds({ expiresInSeconds: 3600 })) - 3_600_000) < 1000);
    for (const expiresInSeconds of [0, 3601, 604_801, 1.5, '60']) {
      const answer = await h.call('POST', `/v1/uploads/${id}/links`, { token, body: { expiresInSeconds } });
      assert.equal(answer.status, 400, String(expiresInSeconds));
      assert.deepEqual(pathsOf(answer.body), ['/expiresInSeconds']);
    }
    const wrong = await h.call('POST', `/v1/uploads/${id}/links`, {
      token,
      body: { disposition: 'show', a: 1 },
    });
    assert.deepEqual(pathsOf(wrong.body).sort(), ['/a', '/disposition']);
  });

  it('are made for what is uploaded only, and by an empty body too', async () => {
    const { body } = await h.call('POST', '/v1/uploads', { token, body: BODIES['createUpload'] });
    const early = await h.call('POST', `/v1/uploads/${String(body.id)}/links`, { token });
    assert.deepEqual([early.status, early.body.code, early.body.state], [409, 'state_conflict', 'issued']);
    assert.equal((await h.call('POST', `/v1/uploads/${id}/links`, { token })).status, 201);
  });

  it('are 501 without a secret, and old ones open nothing then', async () => {
    const { url } = await linkTo();
    await restart({ content: { linkSecrets: [] } });
    const answer = await h.call('POST', `/v1/uploads/${id}/links`, { token });
    assert.deepEqual([answer.status, answer.body.code], [501, 'not_configured']);
    assert.match(answer.body.detail as string, /linkSecretFiles/);
    await refused(url);
  });

  it('of a rotated secret go on, those of a secret that was taken out or never was do not', async () => {
    const fresh = new Secret('the new secret, put in front of the old one');
    await restart({ content: { linkSecrets: [fresh, SECRET] } });
    const link = { tenant: 'acme', uploadId: id, generation: 1, disposition: 'attachment' } as const;
    const by = (secret: Secret) =>
      signLink(secret, { ...link, expiresAt: Math.ceil(h.clock.now / 1000) * 1000 + 1000 });
    await refused(`/v1/content/${await by(new Secret('never configured, but as long as it must be'))}`);
    assert.equal((await ask(h, 'GET', `/v1/content/${await by(SECRET)}`)).status, 200);
    const { url } = await linkTo();
    assert.equal((await ask(h, 'GET', url)).status, 200);
    await h[Symbol.asyncDispose]();
    await start({ content: { linkSecrets: [SECRET] } });
    await refused(url);
  });

  it('open nothing after DELETE, nor after a re-key, though they have not ended', async () => {
    const { url } = await linkTo();
    const generation = { tenant: 'acme', uploadId: id, disposition: 'attachment' } as const;
    const expiresAt = Math.ceil(h.clock.now / 1000) * 1000 + 60_000;
    const after = await signLink(SECRET, { ...generation, generation: 2, expiresAt });
    await refused(`/v1/content/${after}`);
    assert.equal((await h.call('DELETE', `/v1/uploads/${id}`, { token })).status, 202);
    await refused(url);
  });

  it('after a re-key those made before are dead, and new ones open the same content', async () => {
    const { url } = await linkTo();
    assert.equal((await h.call('POST', `/v1/uploads/${id}/rekey`, { token })).status, 202);
    const upload = await h.store.uploads.get('acme', id);
    const claimed = upload && (await claim(h.services, upload));
    assert.ok(claimed);
    await continueRekey(h.services, claimed, new AbortController().signal);
    const slot = await h.call('GET', `/v1/uploads/${id}`, { token });
    assert.equal(slot.body.keyGeneration, 2, slot.text);
    await refused(url);
    assert.equal((await ask(h, 'GET', (await linkTo()).url)).text, BYTES.toString());
  });

  it('of another tenant, of one that is not here and of no slot open nothing', async () => {
    const expiresAt = Math.ceil(h.clock.now / 1000) * 1000 + 60_000;
    const link = {
      tenant: 'acme',
      uploadId: id,
      generation: 1,
      disposition: 'attachment',
      expiresAt,
    } as const;
    for (const change of [
      { tenant: 'globex' },
      { tenant: 'gone' },
      { tenant: 'constructor' },
      { uploadId: '018f0000-0000-7000-8000-000000000000' },
      { uploadId: '../../uploads' },
      { generation: Number.NaN },
    ]) {
      await refused(`/v1/content/${await signLink(SECRET, { ...link, ...change })}`);
    }
    assert.equal((await ask(h, 'GET', `/v1/content/${await signLink(SECRET, link)}`)).status, 200);
  });

  it('are no credentials: as a bearer token one lets nobody in anywhere', async () => {
    const text = (await linkTo()).url.split('/').at(-1) ?? '';
    for (const { method, url, scopes } of ROUTES) {
      if (scopes === 'link') continue;
      const answer = await ask(h, method, url.replace(':id', id), bearer(text));
      assert.equal(answer.status, 401, `${method} ${url}`);
    }
    // Nor is what stands in the place of a link: a key or another way to the slot.
    for (const other of [token, id, `${id}.${id}.${id}`]) await refused(`/v1/content/${other}`);
  });

  it('over 1,000 characters are a 414, and with a slash no path', async () => {
    assert.equal((await ask(h, 'GET', `/v1/content/${'a'.repeat(1001)}`)).status, 414);
    await refused(`/v1/content/${'a'.repeat(1000)}`);
    assert.match((await ask(h, 'GET', `${(await linkTo()).url}/x`)).text, /route_not_found/);
  });

  it('with an origin of their own lead there, and are answered under no other host', async () => {
    await restart({ content: { origin: new URL('https://usercontent.example.com') } });
    const { url } = await linkTo();
    assert.match(url, /^https:\/\/usercontent\.example\.com\/v1\/content\/[\w.-]+$/);
    const { pathname } = new URL(url);
    const under = (method: 'GET' | 'HEAD', host: string) => ask(h, method, pathname, { host });
    for (const host of [
      'localhost:80',
      'api.example.com',
      'usercontent.example.com.evil.example',
      'usercontent.example.com:8443',
    ]) {
      const answer = await under('GET', host);
      assert.equal(answer.status, 404, host);
      assert.match(answer.text, /"code":"route_not_found"/);
      assert.equal((await under('HEAD', host)).status, 404);
    }
    assert.equal(s3.calls.get('open'), undefined);
    assert.equal((await under('GET', 'usercontent.example.com')).text, BYTES.toString());
    assert.equal((await under('HEAD', 'usercontent.example.com')).status, 200);
  });

  it('never stand in the log or the metrics, whether they open something or not', async () => {
    const { url } = await linkTo();
    const text = url.split('/').at(-1) ?? '';
    const forged = `${text.slice(0, -4)}AAAA`;
    await ask(h, 'GET', url);
    await ask(h, 'HEAD', url);
    await ask(h, 'DELETE', url);
    await ask(h, 'GET', `${url}/more`);
    await ask(h, 'GET', `${url}?token=${text}`);
    await ask(h, 'GET', `/v1/content/${forged}`);
    await ask(h, 'GET', `/v1/content/${text.repeat(9)}`);
    s3.dead = true;
    await ask(h, 'GET', url);
    h.clock.now += 3_600_000;
    await ask(h, 'GET', url);
    const told = h.logged() + (await h.metrics.registry.metrics());
    assert.match(h.logged(), /"operation":"readLink","status":200/);
    assert.match(h.logged(), /"operation":"readLink","status":503/);
    assert.match(told, /operation="readLink",status="404"/);
    for (const piece of [...text.split('.'), ...forged.split('.'), '/v1/content']) {
      assert.ok(piece.length > 10 && !told.includes(piece), piece);
    }
  });
});
