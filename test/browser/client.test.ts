import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { waitUntil } from '../support/processes.ts';
import { ClientPage } from './support-client.ts';
import { isPart, isPut } from './support-proxy.ts';
import { assertMonotone } from './support-uppy.ts';
import { World } from './support-world.ts';

const MB = 1_000_000;
const MIB = 1024 ** 2;
const UPLOADED = ['preparing', 'uploading', 'completing', 'uploaded'];

const started = await available(() => World.start());

describe('sealslot/client in Chromium, over TLS against MinIO', { skip: started.skip }, () => {
  let world: World;
  before(() => {
    world = started.get();
  });
  after(() => started.stop());

  const open = async (path?: string): Promise<ClientPage> => {
    world.s3.passed.length = 0;
    world.service.passed.length = 0;
    return ClientPage.open(world, path === undefined ? {} : { path });
  };

  for (const [size, method] of [
    [1000, 'auto'],
    [20 * MB, 'PUT'],
    [20 * MB, 'multipart'],
    [300 * MB, 'auto'],
  ] as const) {
    it(`uploads ${size} bytes, ${method}`, async () => {
      await using tab = await open();
      const file = await world.file(size);
      await tab.begin(file, {
        options: { method, contentType: 'application/x-own', metadata: { case: '4711' } },
      });
      const slot = await tab.slot();
      assert.deepEqual([slot.state, slot.size, slot.contentType], ['uploaded', size, 'application/x-own']);
      assert.deepEqual([slot.filename, slot.metadata], [`file-${size}.bin`, { case: '4711' }]);
      if (method !== 'auto') assert.equal(slot.method, method);
      assertMonotone(await tab.progress(), size);
      assert.deepEqual(await tab.states(), UPLOADED);
      assert.equal(await world.sha256Of(slot.id), file.sha256);
      assert.equal(world.s3.bytesOf(isPut), size);
    });
  }

  it('uploads a Blob that was made by the page', async () => {
    await using tab = await open();
    await tab.beginMade(30 * MB);
    const slot = await tab.slot();
    assert.deepEqual(
      [slot.size, slot.contentType, slot.filename],
      [30 * MB, 'application/x-made', 'made.bin'],
    );
    assertMonotone(await tab.progress(), 30 * MB);
  });

  it('works without a bundler, from the built modules', async () => {
    await using tab = await open('/modules');
    const file = await world.file(1000);
    await tab.begin(file);
    assert.equal(await world.sha256Of((await tab.slot()).id), file.sha256);
  });

  for (const [path, where] of [
    ['/modules', 'in a worker'],
    ['/client', 'without the worker, which this bundle left out'],
  ] as const) {
    it(`makes the SHA-256 that a tenant demands ${where}`, async () => {
      await using tab = await open(path);
      const workers: string[] = [];
      tab.page.on('worker', (worker) => workers.push(worker.url()));
      const file = await world.file(70 * MB);
      await tab.begin(file, { token: world.strictToken });
      const slot = await tab.slot();
      assert.deepEqual([slot.state, slot.size], ['uploaded', file.size]);
      assert.equal(Buffer.from(slot.sha256, 'base64').toString('hex'), file.sha256);
      assert.equal(workers.length, 1);
      assert.equal((await tab.states()).filter((state) => state === 'preparing').length, 1);
    });
  }

  it('a PUT cancelled in the middle leaves no object, and the slot goes', async () => {
    await using tab = await open();
    const file = await world.file(20 * MB);
    const held = world.s3.hold(isPut, 5 * MB);
    await tab.begin(file, { options: { method: 'PUT' } });
    await held.reached;
    const id = await tab.id();
    await tab.cancel();
    held.release();
    assert.equal((await tab.error()).name, 'AbortError');
    assert.equal(await tab.state(), 'cancelled');
    const there = await world.there(id);
    assert.match(there.state, /^delet/);
    assert.deepEqual([there.versions, there.multiparts], [0, 0]);
  });

  it('a multipart upload cancelled in the middle is aborted at S3, and the slot goes', async () => {
    await using tab = await open();
    const file = await world.file(20 * MB);
    const held = world.s3.hold(isPart(3), MB);
    await tab.begin(file, {
      options: { method: 'multipart', partSize: 5 * MIB },
      uploader: { parallelParts: 1 },
    });
    await held.reached;
    const id = await tab.id();
    assert.equal((await world.there(id)).multiparts, 1);
    await tab.cancel();
    held.release();
    assert.equal((await tab.error()).name, 'AbortError');
    await waitUntil('the upload to be aborted', async () => (await world.there(id)).multiparts === 0);
    const there = await world.there(id);
    assert.match(there.state, /^delet/);
    assert.equal(there.versions, 0);
  });

  it('a reload in the middle of a multipart upload goes on, and sends no finished part again', async () => {
    await using tab = await open();
    const file = await world.file(40 * MB);
    const ask = { options: { method: 'multipart', partSize: 5 * MIB }, uploader: { parallelParts: 2 } };
    const held = world.s3.hold(isPart(6), MIB);
    await tab.begin(file, ask);
    await held.reached;
    await waitUntil('the fifth part', () => world.s3.hasPart(5));
    const id = await tab.id();
    await tab.page.reload();
    held.release();
    await waitUntil('what was under way to end', () => world.s3.isQuiet);
    const parts = await world.partsOf(id);
    const sent = parts.reduce((sum, { size }) => sum + size, 0);
    assert.ok(parts.length >= 5 && sent < file.size, `${sent} bytes before`);
    world.s3.passed.length = 0;
    await tab.begin(file, ask);
    const slot = await tab.slot();
    assert.equal(slot.id, id);
    assert.equal(await world.sha256Of(id), file.sha256);
    assert.equal(world.s3.bytesOf(isPut), file.size - sent);
    const again = new Set(world.s3.passed.filter(isPut).map(({ partNumber }) => partNumber));
    assert.deepEqual(
      parts.filter(({ partNumber }) => again.has(partNumber)),
      [],
    );
    const progress = await tab.progress();
    assertMonotone(progress, file.size);
    assert.equal(progress.at(-1)?.resumed, sent);
  });

  it('another file is not taken for the one before the reload', async () => {
    await using tab = await open();
    const ask = { options: { method: 'multipart', partSize: 5 * MIB }, uploader: { parallelParts: 1 } };
    const held = world.s3.hold(isPart(2), MIB);
    await tab.begin(await world.file(20 * MB), ask);
    await held.reached;
    const id = await tab.id();
    await tab.page.reload();
    held.release();
    const other = await world.file(20 * MB + 1);
    await tab.begin(other, ask);
    const slot = await tab.slot();
    assert.notEqual(slot.id, id);
    assert.equal(await world.sha256Of(slot.id), other.sha256);
  });

  for (const method of ['PUT', 'multipart'] as const) {
    it(`pauses and resumes, ${method}`, async () => {
      await using tab = await open();
      const file = await world.file(20 * MB);
      const isSecond = method === 'PUT' ? isPut : isPart(2);
      const held = world.s3.hold(isSecond, 2 * MB);
      const options = { method, ...(method === 'multipart' && { partSize: 5 * MIB }) };
      await tab.begin(file, { options, uploader: { parallelParts: 1 } });
      await held.reached;
      await tab.pause();
      assert.equal(await tab.state(), 'paused');
      held.release();
      await tab.resume();
      const slot = await tab.slot();
      assert.equal(await world.sha256Of(slot.id), file.sha256);
      assertMonotone(await tab.progress(), file.size);
      assert.deepEqual(await tab.states(), [
        'preparing',
        'uploading',
        'paused',
        'uploading',
        'completing',
        'uploaded',
      ]);
      // What had arrived of the parts before is not sent again.
      if (method === 'multipart') assert.equal(world.s3.passed.filter(isPart(1)).length, 1);
    });
  }

  it('waits while it is offline, and goes on by itself', async () => {
    await using tab = await open();
    const file = await world.file(20 * MB);
    const held = world.s3.hold(isPart(2), MB);
    await tab.begin(file, {
      options: { method: 'multipart', partSize: 5 * MIB },
      uploader: { parallelParts: 1 },
    });
    await held.reached;
    await tab.context.setOffline(true);
    held.release();
    await tab.untilState('offline');
    await tab.context.setOffline(false);
    const slot = await tab.slot();
    assert.equal(await world.sha256Of(slot.id), file.sha256);
    assertMonotone(await tab.progress(), file.size);
    assert.ok((await tab.states()).includes('offline'));
    assert.equal(world.s3.passed.filter(isPart(1)).length, 1);
  });

  it('a connection that is reset in the middle is made again', async () => {
    await using tab = await open();
    const file = await world.file(20 * MB);
    const reset = world.s3.reset(isPut, 7 * MB);
    await tab.begin(file, { options: { method: 'PUT' } });
    await reset;
    assert.equal(await world.sha256Of((await tab.slot()).id), file.sha256);
    assertMonotone(await tab.progress(), file.size);
  });

  it('a cut of 10 s heals', async () => {
    await using tab = await open();
    const file = await world.file(40 * MB);
    const held = world.s3.hold(isPart(3), MB);
    await tab.begin(file, { options: { method: 'multipart', partSize: 5 * MIB } });
    await held.reached;
    const healed = world.s3.cutFor(10);
    held.release();
    await healed;
    assert.equal(await world.sha256Of((await tab.slot()).id), file.sha256);
    assertMonotone(await tab.progress(), file.size);
  });

  it('a lost answer of a PUT: the second one gets 412, and complete is called', async () => {
    await using tab = await open();
    const file = await world.file(1000);
    const lost = world.s3.loseAnswer(isPut);
    await tab.begin(file, { options: { method: 'PUT' } });
    await lost;
    const slot = await tab.slot();
    assert.deepEqual(
      world.s3.passed.filter(isPut).map(({ status }) => status),
      [200, 412],
    );
    assert.equal(await world.sha256Of(slot.id), file.sha256);
    assert.equal((await tab.states()).at(-1), 'uploaded');
  });

  it('a lost answer of complete: it is asked again', async () => {
    await using tab = await open();
    const lost = world.service.loseAnswer(({ url }) => url.endsWith('/complete'));
    await tab.begin(await world.file(1000));
    await lost;
    assert.equal((await tab.slot()).state, 'uploaded');
  });

  it('a lost answer of the slot itself: the same one comes back', async () => {
    await using tab = await open();
    const before = (await world.slots()).length;
    const lost = world.service.loseAnswer(({ url, method }) => method === 'POST' && url === '/v1/uploads');
    await tab.begin(await world.file(1001));
    await lost;
    assert.equal((await tab.slot()).state, 'uploaded');
    assert.equal((await world.slots()).length, before + 1);
  });
});
