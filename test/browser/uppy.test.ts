import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import type { Json } from '../support/harness.ts';
import { waitUntil } from '../support/processes.ts';
import { isPart, isPut } from './support-proxy.ts';
import { assertMonotone, DashboardPage, uppyPage } from './support-uppy.ts';
import { World, type FileOnDisk } from './support-world.ts';

const MB = 1_000_000;
/** What the service makes parts of unless told otherwise. */
const PART = 16 * 1024 ** 2;

const started = await available(() => World.start());

describe('docs/uppy.md: sealslot/uppy and the Dashboard, in Chromium', { skip: started.skip }, () => {
  let world: World;
  let path: string;
  before(async () => {
    world = started.get();
    path = await uppyPage(world, 'plugin');
  });
  after(() => started.stop());

  /** A tab in which these files are chosen, and nothing is uploaded yet. */
  async function open(files: readonly FileOnDisk[], origin = world.pages.origin): Promise<DashboardPage> {
    const dashboard = await DashboardPage.open(world, origin + path);
    await dashboard.add(...files.map((file) => file.path));
    world.s3.passed.length = 0;
    return dashboard;
  }

  const progressOf = async (dashboard: DashboardPage): Promise<Json[]> =>
    (await dashboard.told()).events.filter(({ bytes }) => bytes !== undefined);

  /** The slot that a page has made since. */
  async function slotsSince(known: ReadonlySet<string>): Promise<Json[]> {
    return (await world.slots()).filter(({ id }) => !known.has(id));
  }
  const slotIds = async (): Promise<Set<string>> => new Set((await world.slots()).map(({ id }) => id));

  for (const size of [1000, 20 * MB, 300 * MB]) {
    it(`uploads ${size} bytes`, async () => {
      const file = await world.file(size);
      await using dashboard = await open([file]);
      await dashboard.page.evaluate('page.uppy.setMeta({ case: 4711, empty: "" })');
      await dashboard.upload();
      const slot = await dashboard.slot(120_000);
      assert.deepEqual([slot.state, slot.size, slot.filename], ['uploaded', size, `file-${size}.bin`]);
      assert.deepEqual(slot.metadata, { case: '4711' });
      assert.equal(await world.sha256Of(slot.id), file.sha256);
      assertMonotone(await progressOf(dashboard), size);
      const { events } = await dashboard.told();
      assert.equal(events[0], 'upload-start');
      assert.deepEqual(Object.keys(events.at(-1).success).sort(), ['body', 'bytesUploaded', 'status']);
      assert.equal(await dashboard.page.locator('.uppy-StatusBar.is-complete').count(), 1);
    });
  }

  it('uploads several files, three at once', async () => {
    const files = await Promise.all([1000, 1001, 1002, 1003].map((size) => world.file(size)));
    await using dashboard = await open(files);
    const held = files.slice(0, 3).map(() => world.s3.hold(isPut, 1000));
    await dashboard.upload();
    await Promise.all(held.map(({ reached }) => reached));
    assert.equal(world.s3.passed.filter(isPut).length, 3);
    for (const each of held) each.release();
    const { finished, events } = await dashboard.finished();
    assert.deepEqual(finished, { successful: 4, failed: 0 });
    const slots = events.filter(({ success }) => success).map(({ success }) => success.body);
    for (const { size, sha256 } of files) {
      const slot = slots.find((each) => each.size === size);
      assert.equal(await world.sha256Of(slot.id), sha256);
    }
  });

  for (const [name, size] of [
    ['a PUT', 12 * MB],
    ['parts', 40 * MB],
  ] as const) {
    it(`a file cancelled in the middle leaves nothing, ${name}`, async () => {
      const known = await slotIds();
      await using dashboard = await open([await world.file(size)]);
      const held = world.s3.hold(isPut, 3 * MB);
      await dashboard.upload();
      await held.reached;
      await dashboard.click('cancel');
      held.release();
      const gone = async (): Promise<boolean> =>
        (await slotsSince(known)).every(({ state }) => /^delet/.test(state));
      await waitUntil('the slot to go', gone);
      const [slot] = await slotsSince(known);
      const isAborted = async (): Promise<boolean> => (await world.there(slot.id)).multiparts === 0;
      await waitUntil('the upload to be aborted', isAborted);
      assert.equal((await world.there(slot.id)).versions, 0);
      assert.deepEqual((await dashboard.told()).errors, []);
    });
  }

  it('pauses, and goes on with the parts that are missing', async () => {
    const file = await world.file(40 * MB);
    await using dashboard = await open([file]);
    const held = world.s3.hold(isPart(3), MB);
    await dashboard.upload();
    await held.reached;
    await waitUntil('the other parts', () => world.s3.hasPart(1) && world.s3.hasPart(2));
    await dashboard.click('togglePauseResume');
    held.release();
    await waitUntil('what was under way to end', () => world.s3.isQuiet);
    await dashboard.click('togglePauseResume');
    const slot = await dashboard.slot();
    assert.equal(await world.sha256Of(slot.id), file.sha256);
    assertMonotone(await progressOf(dashboard), file.size);
    const { events } = await dashboard.told();
    assert.ok(events.indexOf('pause-all') < events.indexOf('resume-all'));
    for (const partNumber of [1, 2]) assert.equal(world.s3.passed.filter(isPart(partNumber)).length, 1);
  });

  it('a reload in the middle goes on, and sends no finished part again', async () => {
    const file = await world.file(40 * MB);
    const known = await slotIds();
    await using dashboard = await open([file]);
    const held = world.s3.hold(isPart(3), MB);
    await dashboard.upload();
    await held.reached;
    await waitUntil('the other parts', () => world.s3.hasPart(1) && world.s3.hasPart(2));
    await dashboard.page.reload();
    held.release();
    await waitUntil('what was under way to end', () => world.s3.isQuiet);
    const [{ id }] = (await slotsSince(known)) as [Json];
    const sent = (await world.partsOf(id)).reduce((sum, { size }) => sum + size, 0);
    assert.ok(sent >= 2 * PART);
    world.s3.passed.length = 0;
    await dashboard.add(file.path);
    await dashboard.upload();
    const slot = await dashboard.slot();
    assert.equal(slot.id, id);
    assert.equal(await world.sha256Of(id), file.sha256);
    assert.equal(world.s3.bytesOf(isPut), file.size - sent);
    assertMonotone(await progressOf(dashboard), file.size);
  });

  it('a cut of 10 s heals', async () => {
    const file = await world.file(40 * MB);
    await using dashboard = await open([file]);
    const held = world.s3.hold(isPart(3), MB);
    await dashboard.upload();
    await held.reached;
    const healed = world.s3.cutFor(10);
    held.release();
    await healed;
    const slot = await dashboard.slot(60_000);
    assert.equal(await world.sha256Of(slot.id), file.sha256);
    assertMonotone(await progressOf(dashboard), file.size);
  });

  for (const [side, word, clue] of [
    ['unknownToS3', 'The storage cannot be reached.', /cors check/],
    ['unknownToService', 'The upload service cannot be reached.', /cors\.origins/],
  ] as const) {
    it(`shows which CORS rules are wrong: ${side}`, async () => {
      await using dashboard = await open([await world.file(1000)], world.pages[side]);
      await dashboard.upload();
      const { finished, errors } = await dashboard.finished(60_000);
      assert.deepEqual(finished, { successful: 0, failed: 1 });
      assert.equal(errors[0]?.message, word);
      await waitUntil('it to be shown', async () => (await dashboard.shown()).includes(word));
      for (const text of [await dashboard.shown(), await dashboard.errorDetails()]) {
        assert.ok(text.includes(word), text);
        assert.match(text, clue);
        assert.ok(text.includes(world.pages[side]));
      }
    });
  }

  it('shows why there was no token; trying again goes through', async () => {
    const file = await world.file(1000);
    await using dashboard = await open([file]);
    await dashboard.page.route('**/upload-token', (route) => route.fulfill({ status: 401 }));
    await dashboard.upload();
    await dashboard.finished();
    assert.match(await dashboard.errorDetails(), /You are logged out\./);
    await dashboard.page.unroute('**/upload-token');
    await dashboard.again();
    await dashboard.click('retry');
    assert.equal(await world.sha256Of((await dashboard.slot()).id), file.sha256);
  });

  it('shows what the service refuses, and takes another file all the same', async () => {
    const files = [await world.file(1000), await world.file(1001)];
    await using dashboard = await open(files);
    await dashboard.page.evaluate(`page.uppy.setFileMeta(page.uppy.getFiles()[0].id, { 'not ok': 'x' })`);
    await dashboard.upload();
    const { finished, errors } = await dashboard.finished();
    assert.deepEqual(finished, { successful: 1, failed: 1 });
    assert.equal(errors[0]?.message, 'This file may not be uploaded here.');
    assert.match(await dashboard.errorDetails(), /metadata/);
  });

  it('begins paused what was paused before, and obeys options that are set later', async () => {
    const file = await world.file(12 * MB);
    await using dashboard = await open([file]);
    await dashboard.page.evaluate(`(() => {
      const { uppy } = page;
      uppy.setMeta({ case: 'x', other: 'y' });
      uppy.getPlugin('Sealslot').setOptions({ method: ({ size }) => (size > 1 ? 'multipart' : 'PUT'), partSize: ${5 * 1024 ** 2}, allowedMetaFields: ['other'] });
      uppy.pauseResume(uppy.getFiles()[0].id);
    })()`);
    await dashboard.upload();
    await waitUntil('it to begin', async () => (await dashboard.told()).events.includes('upload-start'));
    assert.equal(world.s3.passed.length, 0);
    await dashboard.page.evaluate('page.uppy.pauseResume(page.uppy.getFiles()[0].id)');
    const slot = await dashboard.slot();
    assert.deepEqual([slot.method, slot.metadata], ['multipart', { other: 'y' }]);
    assert.equal(world.s3.passed.filter(isPut).length, 3);
    assert.equal(await world.sha256Of(slot.id), file.sha256);
  });

  it('uninstalled in the middle, it gives the slot back', async () => {
    const known = await slotIds();
    await using dashboard = await open([await world.file(12 * MB)]);
    const held = world.s3.hold(isPut, 3 * MB);
    await dashboard.upload();
    await held.reached;
    assert.equal((await dashboard.state()).capabilities.resumableUploads, true);
    await dashboard.page.evaluate(`page.uppy.removePlugin(page.uppy.getPlugin('Sealslot'))`);
    held.release();
    const gone = async (): Promise<boolean> =>
      (await slotsSince(known)).every(({ state }) => /^delet/.test(state));
    await waitUntil('the slot to go', gone);
    assert.equal((await slotsSince(known)).length, 1);
    assert.equal((await dashboard.state()).capabilities.resumableUploads, false);
  });

  it('a file that failed and is taken away gives its slot back', async () => {
    const known = await slotIds();
    await using dashboard = await open([await world.file(1000)], world.pages.unknownToS3);
    await dashboard.upload();
    await dashboard.finished(60_000);
    assert.deepEqual(
      (await slotsSince(known)).map(({ state }) => state),
      ['issued'],
    );
    await dashboard.page.evaluate('page.uppy.removeFile(page.uppy.getFiles()[0].id)');
    const gone = async (): Promise<boolean> =>
      (await slotsSince(known)).every(({ state }) => /^delet/.test(state));
    await waitUntil('the slot to go', gone);
  });

  it('says that it takes files of this device only', async () => {
    await using dashboard = await open([]);
    await dashboard.page.evaluate(
      `page.uppy.addFile({ name: 'a', type: 'a/b', isRemote: true, data: { size: 1 }, remote: {} })`,
    );
    await dashboard.upload();
    const { errors } = await dashboard.finished();
    assert.deepEqual(
      errors.map(({ message }) => message),
      ['Only files of this device can be uploaded here.'],
    );
  });
});
