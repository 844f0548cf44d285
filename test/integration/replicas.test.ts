import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { TlsProxy } from '../browser/support-proxy.ts';
import { available } from '../support/available.ts';
import { makeCa } from '../support/ca.ts';
import type { Json } from '../support/harness.ts';
import { startMinio } from '../support/minio.ts';
import { postgresStore, startPostgres, type PostgresDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/processes.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { runToEnd, startService, type Answer, type Service } from '../support/service.ts';
import { sendByFetch, trust } from './support-clients.ts';

const postgres = await available(() => startPostgres());
const minio = await available(() => startMinio());

const KEY = 'x-amz-server-side-encryption-customer-key';
const BODY = randomBytes(1000);
const ASK = { contentType: 'text/plain', size: BODY.length };
const PATIENT = { timeoutMs: 90_000 };
const EVENTS = 'upload.uploaded, upload.rejected, upload.expired, upload.deleted';

describe('three replicas on one PostgreSQL', { skip: postgres.skip || minio.skip }, () => {
  let dir: string;
  let database: PostgresDatabase;
  let proxy: TlsProxy;
  let receiver: Receiver;
  let start: () => Promise<Service>;
  let replicas: Service[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sealslot-replicas-'));
    database = await postgres.get().createDatabase();
    await minio.get().createBucket('uploads');
    const ca = await makeCa(join(dir, 'tls'));
    trust(ca.caPem);
    const certificate = {
      cert: await readFile(ca.certFile, 'utf8'),
      key: await readFile(ca.keyFile, 'utf8'),
    };
    proxy = await TlsProxy.to(minio.get().endpoint, certificate, minio.get().caPem);
    receiver = await startReceiver(ca);
    await writeFile(join(dir, 'hook'), `whsec_${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    await writeFile(join(dir, 'grants'), randomBytes(32).toString('hex'), { mode: 0o600 });
    const hook = `{ url: "https://localhost:${receiver.port}/", secretFiles: [hook], caFile: ${ca.caFile}, events: [${EVENTS}], allowedAddresses: [127.0.0.0/8, "::1/128"] }`;
    start = () =>
      startService({
        dir,
        store: postgresStore(database, postgres.get()),
        s3: { ...minio.get(), endpoint: proxy.origin, caFile: ca.caFile },
        tenant: `urlSeconds: { min: 1, default: 8 }, slotSeconds: 8, webhooks: { hook: ${hook} }`,
        yaml: 'grants: { secretFiles: [grants] }\nretention: { keySeconds: 1, deleteMarginSeconds: 1 }\njobs: { intervalSeconds: 1 }\n',
      });
    // The first sets the folder up.
    replicas = [await start()];
    replicas.push(...(await Promise.all([start(), start()])));
  });
  after(async () => {
    for (const replica of replicas) await replica[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await Promise.all([postgres.stop(), minio.stop()]);
    await rm(dir, { recursive: true });
  });

  const nth = (n: number): Service => replicas[n % replicas.length] ?? assert.fail('no replica');
  const create = (n: number, headers: Record<string, string> = {}): Promise<Answer> =>
    nth(n).call('POST', '/v1/uploads', { body: ASK, headers });
  const created = async (n: number): Promise<Json> => {
    const { status, body } = await create(n);
    assert.equal(status, 201, JSON.stringify(body));
    return body;
  };
  const put = async ({ request: { url, headers } }: Json): Promise<void> =>
    assert.equal((await sendByFetch({ method: 'PUT', url, headers, body: BODY })).status, 200);
  const uploaded = async (n: number): Promise<Json> => {
    const slot = await created(n);
    await put(slot);
    const { status, body } = await nth(n + 1).call('POST', `/v1/uploads/${slot.id}/complete`);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };
  const many = <T>(count: number, work: (n: number) => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: count }, (_, n) => work(n)));
  const count = async (sql: string, ...values: unknown[]): Promise<number> => {
    const [row] = await database.query(`SELECT count(*)::int AS n ${sql}`, values);
    return Number(row?.['n']);
  };
  const ended = (ids: readonly string[], outcome: string) => () =>
    ids.every((id) => timesLogged(id, outcome) > 0);
  const timesLogged = (id: string, outcome: string): number =>
    replicas
      .flatMap((replica) => replica.stdout().split('\n'))
      .filter((line) => line.includes(id) && line.includes(`"outcome":"${outcome}"`)).length;
  /** Requests that S3 got for one object, of those that match. */
  const asked = (objectKey: string, matches: (method: string, url: string) => boolean): number => {
    const name = objectKey.split('/').find((part) => part.length === 36) ?? objectKey;
    return proxy.passed.filter(({ method, url }) => url.includes(name) && matches(method, url)).length;
  };
  const told = (id: string, type: string): number =>
    receiver.received.filter(({ body }) => body.includes(id) && body.includes(type)).length;

  it('100 requests at once with one Idempotency-Key: one slot, one key, one answer', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const answers = await many(100, (n) => create(n, headers));
    for (const { status, body } of answers) assert.ok(status === 201 || status === 409, JSON.stringify(body));
    answers.push(...(await many(9, (n) => create(n, headers))));
    const slots = answers.filter(({ status }) => status === 201);
    assert.ok(slots.length >= 10);
    const facts = slots.map(({ body }) => `${body.id} ${body.objectKey} ${body.request.headers[KEY]}`);
    assert.equal(new Set(facts).size, 1);
    const first = slots.filter(({ headers: sent }) => sent.get('idempotency-replayed') === null);
    assert.equal(first.length, 1, 'all others are replays');
    const id = slots[0]?.body.id as string;
    assert.equal(await count('FROM keys WHERE upload_id = $1', id), 1);
    assert.equal(await count('FROM idempotency WHERE key = $1', headers['idempotency-key']), 1);
    assert.equal(await count('FROM uploads'), 1, 'no slot is left over');
  });

  it('late uploads are settled, each by one look of one replica, and told once', async () => {
    const slots = await many(20, created);
    await Promise.all(slots.map(put));
    const ids = slots.map(({ id }) => id as string);
    await waitUntil('all to be settled', ended(ids, 'uploaded'), PATIENT);
    await waitUntil('all to be told', () => ids.every((id) => told(id, 'upload.uploaded') > 0));
    for (const { id, objectKey } of slots) {
      assert.equal(
        asked(objectKey, (method) => method === 'HEAD'),
        1,
        objectKey,
      );
      assert.equal(told(id, 'upload.uploaded'), 1);
      assert.equal(timesLogged(id, 'uploaded'), 1);
    }
  });

  it('a DELETE, and what never came: done once, and told once', async () => {
    const doomed = await many(10, uploaded);
    const empty = await many(10, created);
    await many(10, async (n) => {
      const { status } = await nth(n + 2).call('DELETE', `/v1/uploads/${doomed[n]?.id}`);
      assert.equal(status, 202);
    });
    await waitUntil(
      'the removals',
      ended(
        doomed.map(({ id }) => id),
        'deleted',
      ),
      PATIENT,
    );
    await waitUntil(
      'the expired to be forgotten',
      ended(
        empty.map(({ id }) => id),
        'forgotten',
      ),
      PATIENT,
    );
    await waitUntil(
      'all to be told',
      () =>
        doomed.every(({ id }) => told(id, 'upload.deleted') > 0) &&
        empty.every(({ id }) => told(id, 'upload.expired') > 0),
    );
    for (const { id, objectKey } of doomed) {
      assert.equal(
        asked(objectKey, (method) => method === 'DELETE'),
        1,
        objectKey,
      );
      // At once, when the URL has ended, when absence can be proven; and the proof.
      const looks = asked(objectKey, (method, url) => method === 'GET' && /[?&]versions/.test(url));
      assert.ok(looks >= 3 && looks <= 4, `${looks} listings`);
      assert.equal(timesLogged(id, 'deleted'), 1);
      assert.equal(told(id, 'upload.deleted'), 1);
    }
    for (const { id } of empty) {
      assert.equal(timesLogged(id, 'forgotten'), 1);
      assert.equal(told(id, 'upload.expired'), 1);
    }
  });

  it('a grant of ten: ten slots; revoked, it is refused by all at once', async () => {
    const { body: grant } = await nth(0).call('POST', '/v1/grants', { body: { count: 10 } });
    const by = { authorization: `Bearer ${grant.token}` };
    const answers = await many(60, (n) => create(n, by));
    assert.equal(answers.filter(({ status }) => status === 201).length, 10);
    for (const { status, body } of answers) if (status !== 201) assert.equal(body.code, 'grant_exhausted');
    assert.equal(await count('FROM uploads WHERE principal = $1', `grant:${grant.id}`), 10);
    const { body: other } = await nth(1).call('POST', '/v1/grants', { body: { count: 10 } });
    const byOther = { authorization: `Bearer ${other.token}` };
    assert.deepEqual(await many(3, async (n) => (await create(n, byOther)).status), [201, 201, 201]);
    assert.equal((await nth(2).call('DELETE', `/v1/grants/${other.id}`)).status, 200);
    assert.deepEqual(await many(3, async (n) => (await create(n, byOther)).status), [401, 401, 401]);
  });

  it('a revoked API key is refused by all at once', async () => {
    const named = ['--tenant', 'acme', '--name', 'partner', '--scopes', 'uploads:write'];
    const token = (await runToEnd(dir, {}, ['api-key', 'create', ...named])).trim();
    const by = { authorization: `Bearer ${token}` };
    assert.deepEqual(await many(3, async (n) => (await create(n, by)).status), [201, 201, 201]);
    const [row] = await database.query(`SELECT id FROM api_keys WHERE name = 'partner'`);
    await runToEnd(dir, {}, ['api-key', 'revoke', String(row?.['id'])]);
    assert.deepEqual(await many(3, async (n) => (await create(n, by)).status), [401, 401, 401]);
  });

  it('a re-key that all are asked for, beside all their passes: one generation', async () => {
    const slots = await many(6, uploaded);
    await Promise.all(
      slots.flatMap(({ id }) =>
        [0, 1, 2].map(async (n) => {
          const { status, body } = await nth(n).call('POST', `/v1/uploads/${id}/rekey`);
          assert.equal(status, 202, JSON.stringify(body));
        }),
      ),
    );
    const ids = slots.map(({ id }) => id as string);
    await waitUntil('the re-keys', ended(ids, 'rekeyed'), PATIENT);
    for (const { id } of slots) {
      const { body } = await nth(1).call('GET', `/v1/uploads/${id}`);
      assert.deepEqual([body.keyGeneration, body.rekeying], [2, undefined]);
      assert.equal(await count('FROM keys WHERE upload_id = $1 AND generation > 2', id), 0);
      assert.equal(timesLogged(id, 'rekeyed'), 1);
      const { body: download } = await nth(2).call('POST', `/v1/uploads/${id}/download`);
      const got = await sendByFetch({ method: 'GET', url: download.url, headers: download.headers });
      assert.deepEqual(got.body, BODY);
    }
  });

  it('each says in the store that it serves, and no longer once it has stopped', async () => {
    assert.equal(await count('FROM replicas'), 3);
    await replicas.shift()?.stop();
    assert.equal(await count('FROM replicas'), 2);
    await replicas.shift()?.stop();
    replicas.push(await start());
    assert.equal(await count('FROM replicas'), 2);
  });

  it('what a replica had in hand when it was killed, another finishes when its lease has ended', async () => {
    const slot = await uploaded(0);
    // Alone, so that it is this one which has it.
    await replicas.pop()?.stop();
    const [victim] = replicas;
    assert.ok(victim);
    const held = proxy.hold(({ method, url }) => method === 'DELETE' && url.includes(slot.id as string), 0);
    assert.equal((await victim.call('DELETE', `/v1/uploads/${slot.id}`)).status, 202);
    await held.reached;
    await victim.kill();
    replicas = await Promise.all([start(), start()]);
    const leased = await count(
      'FROM uploads WHERE id = $1 AND next_check_at > extract(epoch FROM now()) * 1000',
      slot.id,
    );
    assert.equal(leased, 1, 'nobody takes it before');
    assert.equal(timesLogged(slot.id, 'deleted'), 0);
    held.release();
    // Its end, brought forward.
    await database.query('UPDATE uploads SET next_check_at = 0 WHERE id = $1', [slot.id]);
    await waitUntil('the removal', ended([slot.id], 'deleted'), PATIENT);
    await waitUntil('it to be told', () => told(slot.id, 'upload.deleted') > 0);
    assert.equal(told(slot.id, 'upload.deleted'), 1);
    const { status, body } = await nth(1).call('GET', `/v1/uploads/${slot.id}`);
    assert.deepEqual([status, body.code], [404, 'upload_deleted']);
  });
});
