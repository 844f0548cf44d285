import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, mock, type TestContext } from 'node:test';
import { ROUTES } from '../../src/app.ts';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import { Faults, FAULTS, S3_SECRET } from '../support/canary/faults.ts';
import { Recorder } from '../support/canary/recorder.ts';
import { SCENARIOS } from '../support/canary/scenarios.ts';
import { addFiles, findCanaries, FORMS, type Canary, type Places } from '../support/canary/search.ts';
import { Stage } from '../support/canary/stage.ts';
import { FakeObjectStore, fakeTarget } from '../support/fake-s3.ts';
import { makeHarness } from '../support/harness.ts';
import { startService } from '../support/service.ts';

const GRANT_SECRET = 'g+Canary/GrantSecret+K7MDENG/bPxRfiCYKEY';

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

  it('every route, right and in every way wrong, with debug logs', { timeout: 600_000 }, async (t) => {
    const keys = watchKeys(t);
    const faults = new Faults(keys);
    const objects = new FakeObjectStore();
    await using h = await makeHarness({
      target: fakeTarget(faults.inject(objects, 's3'), S3_SECRET),
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
    assert.ok(recorder.grants.length > 0);
    const known = new Set(keys.map((key) => key.toString('hex')));
    assert.ok(handedOut.length > 0 && handedOut.every((key) => known.has(key.toString('hex'))));
    assert.match(h.logged(), /"dependency":"s3"/, 'control: the log is there');

    const canaries = [
      ...keys.map((bytes, index) => ({ name: `customer key ${index}`, bytes })),
      ...(await kekCanaries(join(h.dir, 'kek.json'))),
      ...stage.tokens.flatMap(tokenCanaries),
      ...recorder.grants.flatMap(grantCanaries),
      {
        name: 'what grants are signed with',
        bytes: Buffer.from(h.services.config.grants?.secrets[0]?.reveal() ?? ''),
      },
      { name: 'S3 secret', bytes: Buffer.from(S3_SECRET) },
    ];
    expectNone(t, places, canaries);
  });

  it('a `serve` process: output, files, metrics, diagnostic report', { timeout: 300_000 }, async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'sealslot-canary-'));
    try {
      await writeFile(join(dir, 'grant-secret'), GRANT_SECRET, { mode: 0o600 });
      const sections = 'log: { level: debug }\ngrants: { secretFiles: [grant-secret] }\n';
      await (await startService({ dir, yaml: sections })).stop();
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
      const keepers = ['kek.json', 's3-secret', 'token', 'grant-secret'];
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
        ...recorder.grants.flatMap(grantCanaries),
        { name: 'what grants are signed with', bytes: Buffer.from(GRANT_SECRET) },
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

/** Its signature makes a grant of it; the rest names what is no secret. */
function grantCanaries(token: string): Canary[] {
  const signature = token.split('.')[2] ?? '';
  return [
    { name: 'grant', bytes: Buffer.from(token) },
    { name: 'signature of a grant', bytes: Buffer.from(signature) },
  ];
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
