import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, mock, type TestContext } from 'node:test';
import { ROUTES } from '../../src/app.ts';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import { DependencyUnavailable } from '../../src/errors.ts';
import type { Route } from '../../src/http/route.ts';
import { createPresigner } from '../../src/s3/adapters/sdk-presigner.ts';
import type { ObjectStore } from '../../src/s3/port.ts';
import type { Store } from '../../src/store/port.ts';
import type { UploadState } from '../../src/uploads/upload.ts';
import {
  addFiles,
  findCanaries,
  FORMS,
  Recorder,
  type Canary,
  type Places,
  type Sent,
} from '../support/canary.ts';
import { FakeObjectStore } from '../support/fake-s3.ts';
import { makeHarness, type Harness, type Json } from '../support/harness.ts';
import { startService } from '../support/service.ts';

const S3_SECRET = 'wJalr+Canary/S3Secret+K7MDENG/bPxRfiCYKEY';
const slotBody = { contentType: 'text/plain', size: 5 };

/** 32 bytes whose base64 begins with `+//+`, so that its percent-encoded and URL-safe forms differ. */
function chosenKey(number: number): Buffer {
  const bytes = createHash('sha256').update(`canary ${number}`).digest();
  bytes.set([0xfb, 0xff, 0xfe]);
  return bytes;
}

describe('key material is in an answer’s request.headers and nowhere else (invariant 2)', () => {
  it('the search finds a planted secret in each form', () => {
    const canary = { name: 'planted', bytes: chosenKey(0) };
    for (const [form, write] of Object.entries(FORMS)) {
      const planted = Buffer.concat([Buffer.from('{"msg":"'), write(canary.bytes), Buffer.from('"}\n')]);
      const places = new Map([
        ['log', planted],
        ['clean', Buffer.from('{}')],
      ]);
      const hits = findCanaries(places, [canary]);
      assert.ok(hits.includes(`log: planted as ${form}`), form);
      assert.ok(hits.every((hit) => hit.startsWith('log: ')));
      assert.deepEqual(findCanaries(places, [{ name: 'other', bytes: chosenKey(1) }]), []);
    }
  });

  it('every route, right and in every way wrong, with debug logs', { timeout: 120_000 }, async (t) => {
    const keys = watchKeys(t);
    const faults = new Faults(keys);
    const objects = new FakeObjectStore();
    await using h = await makeHarness({
      target: { ...secretTarget(faults.inject(objects, 's3')), close: () => undefined },
      store: (store) => faults.store(store),
    });
    faults.custody(h);
    const recorder = new Recorder(await h.app.listen({ host: '127.0.0.1', port: 0 }));
    const stage = await Stage.on(h, objects, recorder);

    for (const route of ROUTES) {
      for (const scenario of SCENARIOS) await stage.play(route, scenario, faults);
    }
    for (const fault of [undefined, ...FAULTS]) {
      faults.now = fault;
      for (const path of ['/readyz', '/livez', '/metrics']) {
        const answer = await h.admin.inject(path);
        recorder.places.set(`${path}, ${fault ?? 'no fault'}`, Buffer.from(answer.body));
      }
      h.clock.now += 7 * 86_400_000;
      await h.jobs.runOnce();
    }
    faults.now = undefined;

    const { places, handedOut, statuses } = recorder;
    places.set('log', Buffer.from(h.logged()));
    await addFiles(places, h.dir, ['kek.json']);
    for (const name of ['', '-wal', '-shm', '.lock']) assert.ok(places.has(`file sealslot.db${name}`), name);
    assert.deepEqual(
      [...statuses.keys()].sort(),
      [200, 201, 202, 400, 401, 403, 404, 405, 409, 413, 414, 415, 422, 431, 500, 503],
      'every kind of answer must have been looked at',
    );
    const known = new Set(keys.map((key) => key.toString('hex')));
    assert.ok(handedOut.length > 0 && handedOut.every((key) => known.has(key.toString('hex'))));
    assert.match(h.logged(), /"dependency":"s3"/, 'control: the log is there');

    const canaries = [
      ...keys.map((bytes, index) => ({ name: `customer key ${index}`, bytes })),
      ...(await kekCanaries(join(h.dir, 'kek.json'))),
      ...stage.tokens.flatMap(tokenCanaries),
      { name: 'S3 secret', bytes: Buffer.from(S3_SECRET) },
    ];
    expectNone(t, places, canaries);
  });

  it('a `serve` process: output, files, metrics, diagnostic report', { timeout: 120_000 }, async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'sealslot-canary-'));
    try {
      await (await startService({ dir, yaml: 'log: { level: debug }\n' })).stop();
      await writeFile(join(dir, 's3-secret'), S3_SECRET, { mode: 0o600 });
      const yaml = await readFile(join(dir, 'sealslot.yaml'), 'utf8');
      const withFile = yaml.replace('secretAccessKey: example', 'secretAccessKeyFile: s3-secret');
      assert.notEqual(withFile, yaml);
      await writeFile(join(dir, 'sealslot.yaml'), withFile);

      // Written as the stop begins, with everything still alive.
      const nodeArgs = ['--report-on-signal', '--report-signal=SIGTERM', '--report-filename=report.json'];
      await using service = await startService({ dir, nodeArgs: [...nodeArgs, `--report-directory=${dir}`] });
      const recorder = new Recorder(service.url);
      const stage = new Stage(recorder, [service.token]);
      for (const route of ROUTES) {
        for (const scenario of SCENARIOS.filter(({ inProcess }) => inProcess !== true)) {
          await stage.play(route, scenario);
        }
      }
      const { places, handedOut, statuses } = recorder;
      assert.deepEqual(
        [...statuses.keys()].sort(),
        [200, 201, 202, 400, 401, 404, 405, 409, 413, 414, 415, 431, 503],
        'every kind of answer that needs no help from inside must have been looked at',
      );
      for (const path of ['/readyz', '/metrics']) {
        places.set(path, Buffer.from(await (await fetch(service.adminUrl + path)).arrayBuffer()));
      }
      const keepers = ['kek.json', 's3-secret', 'token'];
      await addFiles(places, dir, keepers);
      assert.ok(places.has('file sealslot.db-wal'));
      const live = new Map([...places].map(([name, content]) => [`running, ${name}`, content]));
      await service.stop();
      await addFiles(live, dir, keepers);
      live.set('stdout', Buffer.from(service.stdout())).set('stderr', Buffer.from(service.stderr()));
      assert.match(
        String(live.get('file report.json')),
        /SEALSLOT_CONFIG/,
        'control: the report has the environment',
      );
      assert.match(service.stdout(), /"operation":"createUpload","status":201/, 'control: the log is there');

      const canaries = [
        ...handedOut.map((bytes, index) => ({ name: `customer key ${index}`, bytes })),
        ...(await kekCanaries(join(dir, 'kek.json'))),
        ...tokenCanaries(service.token),
        { name: 'S3 secret', bytes: Buffer.from(S3_SECRET) },
      ];
      expectNone(t, live, canaries);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});

function expectNone(t: TestContext, places: Places, canaries: readonly Canary[]): void {
  const unique = [...new Map(canaries.map((canary) => [canary.bytes.toString('hex'), canary])).values()];
  const hits = findCanaries(places, unique);
  const forms = Object.keys(FORMS).length;
  t.diagnostic(`${places.size} places × ${unique.length} secrets × ${forms} forms: ${hits.length} hits`);
  assert.deepEqual(hits, []);
}

/** Notes every customer key that is made, handed out or not; every second one is a chosen one. */
function watchKeys(t: TestContext): Buffer[] {
  const keys: Buffer[] = [];
  const original = CustomerKey.generate.bind(CustomerKey);
  const watched = mock.method(CustomerKey, 'generate', () => {
    const key = keys.length % 2 === 0 ? CustomerKey.fromBytes(chosenKey(keys.length)) : original();
    keys.push(Buffer.from(key.bytes()));
    return key;
  });
  t.after(() => watched.mock.restore());
  return keys;
}

async function kekCanaries(path: string): Promise<Canary[]> {
  const { keks } = JSON.parse(await readFile(path, 'utf8')) as { keks: Record<string, string> };
  return Object.values(keks).map((kek) => ({ name: 'KEK', bytes: Buffer.from(kek, 'base64') }));
}

/** The whole token, its secret part, and the bytes of that. */
function tokenCanaries(token: string): Canary[] {
  const secret = token.split('_').slice(2).join('_');
  return [
    { name: 'API key', bytes: Buffer.from(token) },
    { name: 'API key secret', bytes: Buffer.from(secret) },
    { name: 'API key bytes', bytes: Buffer.from(secret, 'base64url') },
  ];
}

function secretTarget(objects: ObjectStore) {
  const presigner = createPresigner({
    target: { publicEndpoint: new URL('https://s3.example.com'), region: 'us-east-1', pathStyle: true },
    credentials: async () => ({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: S3_SECRET }),
    skewMs: () => 0,
  });
  return { objects, presigner };
}

const FAULTS = [
  's3 dead',
  's3 throws the key',
  'store failing',
  'store throws the key',
  'custody throws the key',
  'key unusable',
] as const;
type Fault = (typeof FAULTS)[number];

/** Dependencies that fail, some with the secrets in their own error: as an SDK's error does that quotes its request. */
class Faults {
  now: Fault | undefined;
  readonly #keys: readonly Buffer[];

  constructor(keys: readonly Buffer[]) {
    this.#keys = keys;
  }

  inject<T extends object>(part: T, name: 's3' | 'store' | 'custody'): T {
    return new Proxy(part, {
      get: (target, member) => {
        const value: unknown = Reflect.get(target, member);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          const error = this.#errorOf(name);
          return error === undefined ? Reflect.apply(value, target, args) : Promise.reject(error);
        };
      },
    });
  }

  store(store: Store): Store {
    const keys = this.inject(store.keys, 'store');
    return {
      uploads: this.inject(store.uploads, 'store'),
      // Left whole: without it nobody gets as far as the rest.
      apiKeys: store.apiKeys,
      keys: {
        current: async (id) => {
          const key = await keys.current(id);
          if (this.now !== 'key unusable' || key === undefined) return key;
          return {
            ...key,
            wrapped: { ...key.wrapped, bytes: Buffer.from(key.wrapped.bytes).fill(1, 20, 30) },
          };
        },
      },
      check: () => (this.now?.startsWith('store') ? Promise.reject(this.#loud()) : store.check()),
      close: () => store.close(),
    };
  }

  custody(h: Harness): void {
    Object.assign(h.services, { wrapper: this.inject(h.services.wrapper, 'custody') });
  }

  #errorOf(part: string): Error | undefined {
    if (this.now === 's3 dead' && part === 's3') return new DependencyUnavailable('s3', this.#loud());
    if (this.now === 'store failing' && part === 'store') {
      return new DependencyUnavailable('store', this.#loud());
    }
    return this.now === `${part} throws the key` ? this.#loud() : undefined;
  }

  #loud(): Error {
    const key = this.#keys.at(-1) ?? Buffer.alloc(32);
    const text = `${key.toString('base64')} ${key.toString('hex')} ${S3_SECRET}`;
    return Object.assign(new Error(`refused:\n${text}`, { cause: new Error(text) }), {
      request: { headers: { key: text } },
      key,
    });
  }
}

interface Scenario {
  readonly name: string;
  /** Needs faults or the store, which another process does not lend. */
  readonly inProcess?: true;
  readonly fault?: Fault;
  readonly state?: UploadState;
  /** @param key the slot's customer key in base64, as a client may send it back by mistake. */
  readonly change?: (sent: Sent, key: string) => Sent;
}

const json = { 'content-type': 'application/json' };
const SCENARIOS: readonly Scenario[] = [
  { name: 'right' },
  { name: 'repeated', change: (sent) => sent },
  { name: 'no credentials', change: (sent) => ({ ...sent, headers: json }) },
  {
    name: 'the key as credentials',
    change: (sent, key) => ({ ...sent, headers: { ...json, authorization: `Bearer ${key}` } }),
  },
  {
    name: 'wrong API key secret',
    change: (sent) => ({
      ...sent,
      headers: { ...json, authorization: (sent.headers.authorization ?? '').replace(/..$/, 'AA') },
    }),
  },
  {
    name: 'the key as a member',
    change: (sent, key) => withBody(sent, JSON.stringify({ ...slotBody, key })),
  },
  {
    name: 'the key as every value',
    change: (sent, key) =>
      withBody(
        sent,
        JSON.stringify({ contentType: key, size: key, sha256: `${key}x`, range: key, state: key }),
      ),
  },
  { name: 'the key in broken JSON', change: (sent, key) => withBody(sent, `{"contentType":"${key}`) },
  { name: 'the key as JSON', change: (sent, key) => withBody(sent, key) },
  { name: 'too much body', change: (sent, key) => withBody(sent, JSON.stringify(key.repeat(2_000))) },
  {
    name: 'the key as text/plain',
    change: (sent, key) => ({
      ...withBody(sent, key),
      headers: { ...sent.headers, ...(sent.method !== 'GET' && { 'content-type': 'text/plain' }) },
    }),
  },
  {
    name: 'the key in the path',
    change: (sent, key) => ({
      ...sent,
      path: sent.path.replace(/[0-9a-f-]{36}|uploads$/, encodeURIComponent(key)),
    }),
  },
  {
    name: 'the key in the query',
    change: (sent, key) => ({ ...sent, path: `${sent.path}?cursor=${encodeURIComponent(key)}&${key}` }),
  },
  {
    name: 'the key as the name of a member',
    change: (sent, key) => withBody(sent, JSON.stringify({ ...slotBody, metadata: { [key]: 1 }, [key]: 1 })),
  },
  {
    name: 'the key as the name of a query parameter',
    change: (sent, key) => ({ ...sent, path: `${sent.path}?${encodeURIComponent(key)}=1` }),
  },
  {
    name: 'the key in a path too long',
    change: (sent, key) => ({ ...sent, path: `/v1/uploads/${encodeURIComponent(key.repeat(10))}` }),
  },
  {
    name: 'the key in headers too large',
    change: (sent, key) => ({ ...sent, headers: { ...sent.headers, 'x-key': key.repeat(500) } }),
  },
  { name: 'the key by another method', change: (sent, key) => withBody({ ...sent, method: 'PATCH' }, key) },
  {
    name: 'the key in headers',
    change: (sent, key) => ({
      ...sent,
      headers: {
        ...sent.headers,
        'x-amz-server-side-encryption-customer-key': key,
        origin: key,
        cookie: key,
      },
    }),
  },
  {
    name: 'an unknown slot',
    change: (sent) => ({ ...sent, path: sent.path.replace(/[0-9a-f]{12}/, '0'.repeat(12)) }),
  },
  { name: 'a deleting slot', state: 'deleting' },
  { name: 'an uploaded slot', state: 'uploaded', inProcess: true },
  { name: 'a rejected slot', state: 'rejected', inProcess: true },
  { name: 'an expired slot', state: 'expired', inProcess: true },
  { name: 'a deleted slot', state: 'deleted', inProcess: true },
  {
    name: 'too few scopes',
    inProcess: true,
    change: (sent) => ({ ...sent, headers: { ...sent.headers, authorization: 'few' } }),
  },
  {
    name: 'against policy',
    inProcess: true,
    change: (sent) => (sent.body === undefined ? sent : withBody(sent, '{"contentType":"a/b","size":9e15}')),
  },
  ...FAULTS.flatMap((fault): Scenario[] => [
    { name: fault, fault, inProcess: true },
    { name: `${fault}, uploaded`, fault, state: 'uploaded', inProcess: true },
  ]),
];

function withBody(sent: Sent, body: string): Sent {
  return sent.method === 'GET' ? sent : { ...sent, headers: { ...sent.headers, ...json }, body };
}

/** Plays scenarios, each on a slot of its own. */
class Stage {
  readonly tokens: readonly string[];
  readonly #recorder: Recorder;
  readonly #inside: { h: Harness; objects: FakeObjectStore } | undefined;

  constructor(
    recorder: Recorder,
    tokens: readonly string[],
    inside?: { h: Harness; objects: FakeObjectStore },
  ) {
    this.#recorder = recorder;
    this.tokens = tokens;
    this.#inside = inside;
  }

  static async on(h: Harness, objects: FakeObjectStore, recorder: Recorder): Promise<Stage> {
    const few = await h.token('acme', ['objects:read'], 'few');
    return new Stage(recorder, [await h.token(), few], { h, objects });
  }

  async play(
    route: Route,
    { name, fault, state, change, inProcess }: Scenario,
    faults?: Faults,
  ): Promise<void> {
    const usual = inProcess === true && route.operationId === 'downloadUpload' ? 'uploaded' : 'issued';
    const { id, key } = await this.#slotIn(state ?? usual, name);
    const sent: Sent = {
      method: route.method,
      path: route.url.replace(':id', id),
      headers: {
        authorization: `Bearer ${this.tokens[0] ?? ''}`,
        ...(route.operationId === 'createUpload' && { 'idempotency-key': id }),
        ...(route.body && json),
      },
      ...(route.body && { body: JSON.stringify(route.operationId === 'createUpload' ? slotBody : {}) }),
    };
    const changed = change?.(sent, key) ?? sent;
    const few = changed.headers.authorization === 'few';
    const last = few
      ? { ...changed, headers: { ...changed.headers, authorization: `Bearer ${this.tokens[1] ?? ''}` } }
      : changed;
    if (faults) faults.now = fault;
    try {
      await this.#recorder.send(name, route.operationId, last);
      if (name === 'repeated') await this.#recorder.send(name, route.operationId, last);
    } finally {
      if (faults) faults.now = undefined;
    }
  }

  async #slotIn(state: UploadState, name: string): Promise<{ id: string; key: string }> {
    const headers = { ...json, authorization: `Bearer ${this.tokens[0] ?? ''}` };
    const send = (operation: string, method: string, path: string, body?: unknown) =>
      this.#recorder.send(`making a slot for ${name}`, operation, {
        method,
        path,
        headers: body === undefined ? { authorization: headers.authorization } : headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    const made = await send('createUpload', 'POST', '/v1/uploads', slotBody);
    assert.equal(made.status, 201);
    const slot: Json = made.body;
    const id = String(slot.id);
    const key = String(slot.request.headers['x-amz-server-side-encryption-customer-key']);
    if (state === 'deleting' || state === 'deleted')
      await send('deleteUpload', 'DELETE', `/v1/uploads/${id}`);
    if (this.#inside === undefined) return { id, key };

    const { h, objects } = this.#inside;
    if (state === 'uploaded' || state === 'rejected') {
      const facts = { size: state === 'uploaded' ? 5 : 6, contentType: slotBody.contentType };
      objects.put(String(slot.objectKey), await h.customerKey('acme', id), facts);
      await send('completeUpload', 'POST', `/v1/uploads/${id}/complete`, {});
    }
    if (state === 'expired') await h.store.uploads.update(id, ['issued'], { state });
    if (state === 'deleted') {
      const { urlEndsAt } = (await h.store.uploads.get('acme', id)) ?? { urlEndsAt: 0 };
      assert.ok(await h.store.uploads.bury(id, { urlEndsAt }, h.clock.now));
    }
    assert.equal((await h.store.uploads.get('acme', id))?.state, state);
    return { id, key };
  }
}
