import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { available } from '../support/available.ts';
import { startChromium } from '../support/chromium.ts';
import { FakeObjectStore, fakeTarget } from '../support/fake-s3.ts';
import { makeHarness, type Harness } from '../support/harness.ts';
import { freePort, waitUntil } from '../support/processes.ts';
import { bystander, HOSTILE, open, type Bystander } from './support-hostile.ts';
import { film, picture, sound } from './support-media.ts';

const DISPOSITIONS = ['attachment', 'inline'] as const;

const PICTURE_WIDTH = "document.querySelector('img').naturalWidth";
const IS_PLAYABLE = "document.querySelector('video').readyState >= HTMLMediaElement.HAVE_CURRENT_DATA";

const chromium = await available(() => startChromium());

/** What users uploaded, behind links under an origin of their own; the S3 is one in memory, for the browser is what counts here. */
class Content {
  readonly #s3 = new FakeObjectStore();
  readonly #harness: Harness;
  readonly #token: string;
  readonly #port: number;

  static async serve(inlineTypes?: readonly string[]): Promise<Content> {
    const s3 = new FakeObjectStore();
    const port = await freePort();
    const origin = new URL(`http://localhost:${port}`);
    const content = { origin, ...(inlineTypes && { inlineTypes }) };
    const harness = await makeHarness({ target: fakeTarget(s3), content });
    await harness.app.listen({ host: '127.0.0.1', port });
    return new Content(s3, harness, await harness.token(), port);
  }

  private constructor(s3: FakeObjectStore, harness: Harness, token: string, port: number) {
    this.#s3 = s3;
    this.#harness = harness;
    this.#token = token;
    this.#port = port;
  }

  async link(
    contentType: string,
    bytes: Buffer,
    disposition: (typeof DISPOSITIONS)[number],
  ): Promise<string> {
    const call = (path: string, body?: unknown) =>
      this.#harness.call('POST', `/v1/uploads${path}`, { token: this.#token, body });
    const { body: slot } = await call('', { contentType, size: bytes.length, filename: 'of a user.bin' });
    const key = await this.#harness.customerKey('acme', slot.id);
    this.#s3.put(slot.objectKey, key, { contentType, size: bytes.length }, { bytes });
    assert.equal((await call(`/${slot.id}/complete`)).body.state, 'uploaded');
    return (await call(`/${slot.id}/links`, { disposition })).body.url;
  }

  /** The same path under the address of the API. */
  atApi(link: string): string {
    return link.replace('//localhost:', '//127.0.0.1:');
  }

  async close(): Promise<void> {
    this.#harness.app.server.closeAllConnections();
    await this.#harness[Symbol.asyncDispose]();
  }
}

describe('what users uploaded, in Chromium', { skip: chromium.skip }, () => {
  let browser: Browser;
  let by: Bystander;
  let content: Content;
  /** As if an operator could list such types: what is left is the sandbox. */
  let careless: Content;
  before(async () => {
    browser = chromium.get();
    by = await bystander();
    content = await Content.serve();
    careless = await Content.serve(
      Object.values(HOSTILE).map(({ contentType }) => contentType.toLowerCase()),
    );
  });
  after(async () => {
    await content.close();
    await careless.close();
    await by[Symbol.asyncDispose]();
    await chromium.stop();
  });

  for (const [name, { contentType, bytes, lives }] of Object.entries(HOSTILE)) {
    const visit = async (url: string, beacon: string) => {
      const tab = await open(browser, url, by);
      const page = await open(browser, by.pageOf(url), by);
      const heard = [...by.heard].filter((said) => said.startsWith(beacon));
      for (const said of heard) by.heard.delete(said);
      const ran = heard.length + tab.dialogs + page.dialogs + tab.cookies > 0 || tab.title === 'ran';
      return { ran, tab };
    };
    const hostile = (beacon: string) => Buffer.from(bytes(by.beacon(beacon)));

    it(`${name} ${lives ? 'runs' : 'does not run'} from a plain server`, async () => {
      const beacon = `plain ${name}`;
      const { ran } = await visit(by.plain(contentType, bytes(by.beacon(beacon))), beacon);
      assert.equal(ran, lives);
    });

    for (const disposition of DISPOSITIONS) {
      it(`${name} runs nowhere by a link, ${disposition}`, async () => {
        const beacon = `${disposition} ${name}`;
        const link = await content.link(contentType, hostile(beacon), disposition);
        const { ran, tab } = await visit(link, beacon);
        assert.equal(ran, false);
        const isShown = disposition === 'inline' && /^(image\/(png|gif)|video\/webm)$/.test(contentType);
        assert.deepEqual(tab.downloads, isShown ? [] : ['of a user.bin']);
        assert.equal(tab.url, isShown ? link : 'about:blank');
      });
    }

    // A page may run what it asks for as a script: such a type is refused in the configuration.
    if (name === 'a script') continue;
    it(`${name} runs nowhere even if its type were listed`, async () => {
      const beacon = `careless ${name}`;
      const { ran, tab } = await visit(await careless.link(contentType, hostile(beacon), 'inline'), beacon);
      assert.equal(ran, false);
      if (lives && contentType !== 'unknown/unknown') assert.deepEqual(tab.downloads, [], 'it is shown');
    });
  }

  it('is nowhere but under its own origin', async () => {
    const link = await content.link('image/png', await picture(browser), 'inline');
    assert.match(link, /^http:\/\/localhost:/);
    assert.equal((await fetch(link)).status, 200);
    const there = await fetch(content.atApi(link));
    assert.equal(there.status, 404);
    assert.match(await there.text(), /route_not_found/);
  });

  it('shows pictures, films and sounds to pages of other origins', async () => {
    const png = await content.link('image/png', await picture(browser), 'inline');
    const webm = await content.link('video/webm', await film(browser), 'inline');
    const wav = await content.link('audio/wav', sound(), 'inline');
    const page = await browser.newPage();
    await page.goto(by.pageOf(png));
    assert.equal(await page.evaluate(PICTURE_WIDTH), 64);
    for (const [link, width] of [
      [webm, 64],
      [wav, 0],
    ] as const) {
      await page.goto(by.pageOf(link));
      await waitUntil('it to be ready', () => page.evaluate<boolean>(IS_PLAYABLE));
      assert.equal(await page.evaluate("document.querySelector('video').videoWidth"), width);
    }
    await page.close();
  });

  it('shows a picture, a film and a sound in a tab', async () => {
    const page = await browser.newPage();
    await page.goto(await content.link('image/png', await picture(browser), 'inline'));
    assert.equal(await page.evaluate(PICTURE_WIDTH), 64);
    assert.equal(await page.evaluate('getComputedStyle(document.body).margin'), '0px');
    for (const [type, bytes] of [
      ['video/webm', await film(browser)],
      ['audio/wav', sound()],
    ] as const) {
      await page.goto(await content.link(type, bytes, 'inline'));
      await waitUntil(`${type} to be ready`, () => page.evaluate<boolean>(IS_PLAYABLE));
    }
    await page.close();
  });
});
