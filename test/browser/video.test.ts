import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { ClientPage } from './support-client.ts';
import { World } from './support-world.ts';

const SECONDS = 60;
const PADDING = 500_000;

const started = await available(() => World.start());

describe('a video by a link, in Chromium', { skip: started.skip }, () => {
  let world: World;
  before(() => {
    world = started.get();
  });
  after(() => started.stop());

  it('seeks to where nothing was loaded yet, by 206', async () => {
    await using tab = await ClientPage.open(world);
    await tab.page.addScriptTag({ url: '/film.js', type: 'module' });
    await tab.page.waitForFunction('globalThis.film !== undefined');
    const ask = JSON.stringify({ endpoint: world.service.origin, token: world.token });
    await tab.page.evaluate(`film(${SECONDS}, ${PADDING}).then((file) => page.begin({ ...${ask}, file }))`);
    const slot = await tab.slot();
    assert.equal(slot.contentType, 'video/webm');
    const { url } = await world.call('POST', `/${slot.id}/links`, { disposition: 'inline' });
    world.service.passed.length = 0;
    const link = new URL(url, world.service.origin).href;
    const seen = await tab.page.evaluate(`seek(${JSON.stringify(link)}, 50)`);
    assert.deepEqual(seen, { duration: SECONDS, at: 50, width: 64, isThere: true });
    // One that the browser has thought better of has no status.
    const asked = world.service.passed.filter(
      ({ url, status }) => url.startsWith('/v1/content/') && status !== undefined,
    );
    const far = asked.filter(({ headers }) => from(headers.range) > 40 * PADDING);
    assert.ok(far.length > 0, JSON.stringify(asked.map(({ headers }) => headers.range)));
    assert.deepEqual(new Set(asked.map(({ status }) => status)), new Set([206]));
    // Neither a key nor a token goes with it: the link is all.
    assert.ok(asked.every(({ headers }) => headers.authorization === undefined));
  });
});

const from = (range: string | undefined): number => Number(/^bytes=(\d+)-/.exec(range ?? '')?.[1] ?? -1);
