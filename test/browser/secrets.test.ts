import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { ClientPage } from './support-client.ts';
import { Leaks } from './support-leaks.ts';
import { isPut } from './support-proxy.ts';
import { DashboardPage, uppyPage } from './support-uppy.ts';
import { World } from './support-world.ts';

const KEY = 'x-amz-server-side-encryption-customer-key';
const MIB = 1024 ** 2;

const started = await available(() => World.start());

describe('keys and tokens in Chromium', { skip: started.skip }, () => {
  let world: World;
  before(() => {
    world = started.get();
  });
  after(() => started.stop());

  /** What S3 was told; the client had it in its hands. */
  function keySent(): string {
    const keys = new Set(world.s3.passed.filter(isPut).map(({ headers }) => headers[KEY]));
    assert.equal(keys.size, 1);
    const [key] = keys;
    assert.equal(Buffer.from(String(key), 'base64').length, 32);
    return String(key);
  }

  const signaturesSent = (): string[] =>
    world.s3.passed.filter(isPut).map(({ url }) => {
      const signature = new URL(url, world.s3.origin).searchParams.get('X-Amz-Signature');
      assert.match(String(signature), /^[0-9a-f]{64}$/);
      return String(signature);
    });

  for (const method of ['PUT', 'multipart'] as const) {
    it(`are in no URL, no storage and no console, ${method}: before, in the middle of and after an upload`, async () => {
      world.s3.passed.length = 0;
      await using tab = await ClientPage.open(world);
      const leaks = new Leaks(tab.page);
      const held = world.s3.hold(isPut, 2 * MIB);
      await tab.begin(await world.file(12 * MIB), { options: { method } });
      await held.reached;
      await leaks.look();
      held.release();
      await tab.slot();
      await leaks.look();
      const key = keySent();
      assert.deepEqual([leaks.of(key), leaks.of(world.token)], [[], []]);
      // A signed URL is one that is asked for; nobody writes it down.
      for (const signature of signaturesSent()) assert.deepEqual(leaks.of(signature), ['url']);
      assert.deepEqual(leaks.console, []);
    });
  }

  it('are in none of them when it fails: refused, broken off, cancelled', async () => {
    world.s3.passed.length = 0;
    await using tab = await ClientPage.open(world);
    const leaks = new Leaks(tab.page);
    const held = world.s3.hold(isPut, MIB);
    await tab.begin(await world.file(12 * MIB), { options: { method: 'PUT' } });
    await held.reached;
    await tab.cancel();
    held.release();
    const { message } = await tab.error();
    await leaks.look();
    const key = keySent();
    assert.deepEqual([leaks.of(key), leaks.of(world.token)], [[], []]);
    assert.ok(!message.includes(key) && !message.includes(world.token));
  });

  it("are neither in Uppy's state nor in what it keeps or logs", async () => {
    world.s3.passed.length = 0;
    await using dashboard = await DashboardPage.open(
      world,
      world.pages.origin + (await uppyPage(world, 'plugin')),
    );
    const leaks = new Leaks(dashboard.page);
    const held = world.s3.hold(isPut, MIB);
    await dashboard.add((await world.file(12 * MIB)).path);
    await dashboard.upload();
    await held.reached;
    const states = [await dashboard.state()];
    await leaks.look();
    held.release();
    await dashboard.slot();
    states.push(await dashboard.state());
    await leaks.look();
    const key = keySent();
    assert.deepEqual([leaks.of(key), leaks.of(world.token)], [[], []]);
    const text = JSON.stringify(states);
    for (const secret of [key, world.token, ...signaturesSent()]) assert.ok(!text.includes(secret));
  });

  it('would be found: a page that puts them everywhere', async () => {
    await using tab = await ClientPage.open(world);
    const places: Record<string, readonly [script: string, found: string]> = {
      console: ['console.warn("here", secret)', 'console'],
      url: ['fetch(`/?key=${encodeURIComponent(secret)}`)', 'url'],
      localStorage: ['localStorage.setItem("a", secret)', 'stored'],
      sessionStorage: ['sessionStorage.setItem("a", JSON.stringify({ secret }))', 'stored'],
      cookie: ['document.cookie = `a=${encodeURIComponent(secret)}`', 'stored'],
      cache: ['caches.open("a").then((cache) => cache.put("/b", new Response(secret)))', 'stored'],
      IndexedDB: [
        `new Promise((resolve) => {
          const opening = indexedDB.open('a');
          opening.onupgradeneeded = () => opening.result.createObjectStore('b', { autoIncrement: true });
          opening.onsuccess = () => {
            const adding = opening.result.transaction('b', 'readwrite');
            adding.objectStore('b').add({ secret });
            adding.oncomplete = () => { opening.result.close(); resolve(); };
          };
        })`,
        'stored',
      ],
      page: ['document.body.append(secret)', 'stored'],
    };
    for (const [name, [script, found]] of Object.entries(places)) {
      const secret = `${name}/+=`;
      const leaks = new Leaks(tab.page);
      await tab.page.evaluate(`(async (secret) => { await (${script}); })(${JSON.stringify(secret)})`);
      await leaks.look();
      assert.deepEqual(leaks.of(secret), [found], name);
    }
  });
});
