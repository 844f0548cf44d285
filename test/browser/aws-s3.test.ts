import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { waitUntil } from '../support/processes.ts';
import { assertMonotone, DashboardPage, uppyPage } from './support-uppy.ts';
import { isPut } from './support-proxy.ts';
import { World } from './support-world.ts';

const MB = 1_000_000;

const started = await available(() => World.start());

describe('docs/uppy.md: @uppy/aws-s3 and the Dashboard, in Chromium', { skip: started.skip }, () => {
  let world: World;
  let url: string;
  before(async () => {
    world = started.get();
    url = world.pages.origin + (await uppyPage(world, 'aws-s3'));
  });
  after(() => started.stop());

  /** A tab in which these files are being uploaded. */
  async function open(...paths: string[]): Promise<DashboardPage> {
    const dashboard = await DashboardPage.open(world, url);
    await dashboard.add(...paths);
    world.s3.passed.length = 0;
    await dashboard.upload();
    return dashboard;
  }

  for (const size of [1000, 20 * MB, 300 * MB]) {
    it(`uploads ${size} bytes`, async () => {
      const file = await world.file(size);
      await using dashboard = await open(file.path);
      const slot = await dashboard.slot(120_000);
      assert.deepEqual([slot.state, slot.size, slot.filename], ['uploaded', size, `file-${size}.bin`]);
      assert.equal(await world.sha256Of(slot.id), file.sha256);
      const { events } = await dashboard.told();
      assertMonotone(
        events.filter(({ bytes }) => bytes !== undefined),
        size,
      );
    });
  }

  it('sends several files, each to a slot of its own', async () => {
    const files = await Promise.all([1000, 1001, 1002].map((size) => world.file(size)));
    await using dashboard = await open(...files.map(({ path }) => path));
    const { finished, events } = await dashboard.finished();
    assert.deepEqual(finished, { successful: 3, failed: 0 });
    const slots = events.filter(({ success }) => success?.body.id).map(({ success }) => success.body);
    assert.deepEqual(slots.map(({ size }) => size).sort(), [1000, 1001, 1002]);
  });

  it('meets the 412 of a lost answer with complete', async () => {
    const lost = world.s3.loseAnswer(isPut);
    const file = await world.file(1000);
    await using dashboard = await open(file.path);
    await lost;
    const { finished, events } = await dashboard.finished();
    assert.deepEqual(
      world.s3.passed.filter(isPut).map(({ status }) => status),
      [200, 412],
    );
    assert.deepEqual(finished, { successful: 1, failed: 0 });
    const slot = events.at(-1).success.body;
    assert.equal(await world.sha256Of(slot.id), file.sha256);
    assert.equal(await dashboard.page.locator('.uppy-StatusBar.is-complete').count(), 1);
  });

  it('pauses, and begins the file again', async () => {
    const file = await world.file(20 * MB);
    const held = world.s3.hold(isPut, 5 * MB);
    await using dashboard = await open(file.path);
    await held.reached;
    await dashboard.click('togglePauseResume');
    held.release();
    assert.ok((await dashboard.told()).events.includes('pause-all'));
    await dashboard.click('togglePauseResume');
    const slot = await dashboard.slot();
    assert.equal(await world.sha256Of(slot.id), file.sha256);
    assert.equal(world.s3.passed.filter(isPut).length, 2);
  });

  it('gives the slot back when the file is taken away in the middle', async () => {
    const file = await world.file(20 * MB);
    const known = new Set((await world.slots()).map(({ id }) => id));
    const held = world.s3.hold(isPut, 5 * MB);
    await using dashboard = await open(file.path);
    await held.reached;
    await dashboard.click('cancel');
    held.release();
    const made = async () => (await world.slots()).filter(({ id }) => !known.has(id));
    await waitUntil('the slot to go', async () => (await made()).every(({ state }) => /^delet/.test(state)));
    const [slot] = await made();
    const { versions, multiparts } = await world.there(slot.id);
    assert.deepEqual([versions, multiparts], [0, 0]);
  });

  it('shows what the service says when it refuses', async () => {
    const file = await world.file(1000);
    await using dashboard = await DashboardPage.open(world, url);
    await dashboard.add(file.path);
    await dashboard.page.route('**/upload-token', (route) => route.fulfill({ json: { token: 'wrong' } }));
    await dashboard.upload();
    const { finished, errors } = await dashboard.finished();
    assert.deepEqual(finished, { successful: 0, failed: 1 });
    assert.notEqual(errors[0]?.message, undefined);
  });
});
