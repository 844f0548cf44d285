import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { waitUntil } from '../support/processes.ts';
import { film, picture } from '../integration/support-media.ts';
import { DemoPage, PageWorld, PHONE, text } from './page-world.ts';
import { isPart, isPut } from './support-proxy.ts';

const MB = 1_000_000;
const KEY = 'x-amz-server-side-encryption-customer-key';

const started = await available(() => PageWorld.start());

describe('/demo in Chromium', { skip: started.skip }, () => {
  let world: PageWorld;
  const tabs: DemoPage[] = [];
  before(() => {
    world = started.get();
  });
  after(() => started.stop());
  afterEach(async () => {
    for (const tab of tabs.splice(0)) {
      assert.deepEqual(tab.complaints, []);
      await tab[Symbol.asyncDispose]();
    }
  });

  const open = async (...ask: Parameters<PageWorld['open']>): Promise<DemoPage> => {
    const tab = await world.open(...ask);
    tabs.push(tab);
    return tab;
  };
  const signedIn = async (): Promise<DemoPage> => {
    const tab = await open();
    await tab.signIn(world.service.token);
    return tab;
  };

  it('uploads what is chosen, and lists it with its state', async () => {
    const tab = await signedIn();
    await tab.choose(text('one.txt'), text('two.txt', 2 * MB), text('none.txt', 0));
    for (const name of ['one.txt', 'two.txt', 'none.txt']) {
      await tab.uploaded(name);
      await tab.slot(name).getByText('uploaded', { exact: true }).waitFor();
    }
    await tab.page.getByText('3 of 3 files uploaded').waitFor();
  });

  it('takes files and folders that are dropped', async () => {
    const tab = await signedIn();
    // A browser gives a test no folder to drop; a file takes the same way.
    await tab.page.evaluate(`(() => {
      const data = new DataTransfer();
      data.items.add(new File(['dropped'], 'dropped.txt', { type: 'text/plain' }));
      for (const type of ['dragenter', 'dragover', 'drop'])
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    })()`);
    await tab.uploaded('dropped.txt');
  });

  it('shows how far a file is, pauses it, goes on and cancels it', async () => {
    const tab = await signedIn();
    const held = world.s3.hold(isPut, 6 * MB);
    await tab.choose(text('slow.txt', 12 * MB));
    const row = tab.upload('slow.txt');
    await held.reached;
    await row.getByRole('progressbar', { name: 'Upload of slow.txt' }).waitFor();
    const value = (): Promise<number> =>
      tab.page.evaluate<number>("document.querySelector('#uploads progress').value");
    await waitUntil('progress', async () => (await value()) > 0 && (await value()) < 12 * MB);
    await row.getByText(/ MB of 12\.0 MB · \d+ %/).waitFor();
    await row.getByRole('button', { name: 'Pause slow.txt' }).click();
    await row.getByText('Paused', { exact: true }).waitFor();
    held.release();

    const again = world.s3.hold(isPut, 6 * MB);
    await row.getByRole('button', { name: 'Resume slow.txt' }).click();
    await again.reached;
    await row.getByRole('button', { name: 'Cancel slow.txt' }).click();
    again.release();
    await row.getByText('Cancelled', { exact: true }).waitFor();
    await tab
      .slot('slow.txt')
      .getByText(/^delet/)
      .waitFor();
    await row.getByRole('button', { name: 'Retry slow.txt' }).click();
    await tab.uploaded('slow.txt');
  });

  it('goes on after a reload with the same file, and says so', async () => {
    const tab = await signedIn();
    const path = join(world.dir, 'film.txt');
    await writeFile(path, text('film.txt', 40 * MB).buffer);
    const held = world.s3.hold(isPart(3), 1);
    await tab.page.getByLabel('Files').setInputFiles(path);
    await held.reached;
    await waitUntil('a part to arrive', () => world.s3.hasPart(1));
    await tab.page.reload();
    held.release();
    await tab.signIn(world.service.token);
    await tab.page.getByLabel('Files').setInputFiles(path);
    await tab.uploaded('film.txt');
    await tab
      .upload('film.txt')
      .getByText(/MB of it were there already/)
      .waitFor();
  });

  it('shows pictures and films by links, and a film seeks', async () => {
    const tab = await signedIn();
    const ranges: number[] = [];
    tab.page.on('response', (answer) => {
      if (answer.url().includes('/v1/content/')) ranges.push(answer.status());
    });
    await tab.choose(
      { name: 'clip.webm', mimeType: 'video/webm', buffer: await film(world.browser) },
      { name: 'dot.png', mimeType: 'image/png', buffer: await picture(world.browser) },
    );
    await tab.uploaded('clip.webm');
    await tab.uploaded('dot.png');
    const image = tab.slot('dot.png').locator('.thumb img');
    await tab.scrollTo('dot.png');
    await image.waitFor();
    assert.equal(await tab.page.evaluate("document.querySelector('#slots .thumb img').naturalWidth"), 64);
    await tab.scrollTo('clip.webm');
    await tab.slot('clip.webm').locator('.thumb video').waitFor();

    await tab.slot('clip.webm').getByRole('button', { name: 'View clip.webm' }).click();
    const dialog = tab.page.getByRole('dialog', { name: 'clip.webm' });
    await dialog.locator('video').waitFor();
    const ofFilm = (what: string): Promise<boolean> =>
      tab.page.evaluate<boolean>(
        `(() => { const film = document.querySelector('#view video'); return ${what}; })()`,
      );
    await waitUntil('the film to be ready', () => ofFilm('film.readyState >= 2'));
    await ofFilm('film.play().then(() => true)');
    await waitUntil('it to play', () => ofFilm('film.currentTime > 0'));
    assert.ok(ranges.includes(206), String(ranges));
    await tab.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    // Else it would go on loading.
    await tab.page.locator('#view video').waitFor({ state: 'detached' });
  });

  it('downloads, and deletes what is confirmed only', async () => {
    const tab = await signedIn();
    const file = text('gone.txt');
    await tab.choose(file);
    await tab.uploaded('gone.txt');
    const row = tab.slot('gone.txt');
    const download = tab.page.waitForEvent('download');
    await row.getByRole('button', { name: 'Download gone.txt' }).click();
    const saved = await (await download).path();
    assert.ok(file.buffer.equals(await readFile(saved)));

    const dialog = tab.page.getByRole('dialog', { name: 'Delete for good?' });
    await row.getByRole('button', { name: 'Delete gone.txt' }).click();
    await dialog.getByRole('button', { name: 'Keep it' }).click();
    await row.getByText('uploaded', { exact: true }).waitFor();
    await row.getByRole('button', { name: 'Delete gone.txt' }).click();
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await row.getByText(/^delet/).waitFor();
  });

  it('filters by state, and turns pages', async () => {
    const ask = { contentType: 'text/plain', size: 1 };
    const uploads = Array.from({ length: 45 }, (_, index) => ({ ...ask, filename: `many-${index}.txt` }));
    const made = await world.service.call('POST', '/v1/uploads/batch', { body: { uploads } });
    assert.equal(made.status, 201);
    const tab = await signedIn();
    const pages = tab.page.getByRole('navigation', { name: 'Pages of slots' });
    await tab.slot('many-44.txt').waitFor();
    await pages.getByRole('button', { name: 'Older' }).click();
    await pages.getByText('Page 2').waitFor();
    await tab.slot('many-20.txt').waitFor();
    await pages.getByRole('button', { name: 'Newer' }).click();
    await tab.slot('many-44.txt').waitFor();
    await tab.page.getByLabel('State').selectOption('rejected');
    await tab.page.getByText('None is rejected.').waitFor();
    await tab.page.getByLabel('State').selectOption('issued');
    await tab.slot('many-44.txt').waitFor();
  });

  it('tells the service’s own words for a refusal, with its code', async () => {
    const tab = await signedIn();
    await tab.choose({ name: 'bad.exe', mimeType: 'application/x-refused', buffer: Buffer.from('x') });
    const row = tab.upload('bad.exe');
    await row.getByText('Failed', { exact: true }).waitFor();
    await row.getByText('policy_refused').waitFor();
    assert.equal((await row.innerText()).match(/contentType/g)?.length, 1, 'once, and by its name alone');
    await row.getByText(/^contentType: must be one of/).waitFor();
    await tab.page
      .getByRole('alert')
      .getByText(/bad\.exe: failed/)
      .waitFor();
    await row.getByRole('button', { name: 'Remove bad.exe' }).click();
    await row.waitFor({ state: 'detached' });
  });

  it('names CORS where the bucket does not let it in', async () => {
    // The same page under a name that MinIO has no rule for.
    const tab = await open(undefined, world.service.url.replace('127.0.0.1', 'localhost'));
    await tab.signIn(world.service.token);
    await tab.choose(text('kept-out.txt'));
    const row = tab.upload('kept-out.txt');
    await row.getByText('Failed', { exact: true }).waitFor({ timeout: 90_000 });
    await row.getByText(/CORS/).first().waitFor();
    await row.getByText(/sealslot cors/).waitFor();
    // The browser tells its console, and the page that it does.
    tab.complaints.splice(0).forEach((complaint) => assert.match(complaint, /blocked by CORS policy/));
  });

  it('says no kindly: to a wrong token, and to one that may not list', async () => {
    const tab = await open();
    await tab.page.getByRole('button', { name: 'Sign in' }).click();
    await tab.page.getByText('Paste a token first.').waitFor();
    await tab.page.getByLabel('Token').fill('slk_wrong');
    await tab.page.getByRole('button', { name: 'Sign in' }).click();
    await tab.page.getByText('unauthenticated').waitFor();
    assert.equal(await tab.page.getByLabel('Token').getAttribute('aria-invalid'), 'true');

    await tab.signIn(`Bearer ${await world.token('writer', 'uploads:write')}`);
    await tab.page.getByText(/you can upload, but not see/).waitFor();
    assert.equal(await tab.page.getByLabel('State').isVisible(), false);
    await tab.choose(text('blind.txt'));
    await tab.uploaded('blind.txt');
  });

  it('takes a grant: it uploads and cancels its own, and lists nothing', async () => {
    const authorization = `Bearer ${await world.token('backend', 'uploads:write,grants:write')}`;
    const body = { count: 2, maxSizeBytes: 5 * MB };
    const made = await world.service.call('POST', '/v1/grants', { body, headers: { authorization } });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const tab = await open();
    await tab.signIn(made.body.token as string);
    await tab.page.getByText('Signed in with a grant.').waitFor();
    await tab.page.getByText(/With a grant .* you can upload, but not see/).waitFor();
    await tab.choose(text('granted.txt'));
    await tab.uploaded('granted.txt');
    await tab.choose(text('too-large.txt', 6 * MB));
    const row = tab.upload('too-large.txt');
    await row.getByText('Failed', { exact: true }).waitFor();
    await row
      .getByText(/5000000|grant/)
      .first()
      .waitFor();

    const held = world.s3.hold(isPut, MB);
    await tab.choose(text('stopped.txt', 4 * MB));
    await held.reached;
    await tab.upload('stopped.txt').getByRole('button', { name: 'Cancel stopped.txt' }).click();
    held.release();
    await tab.upload('stopped.txt').getByText('Cancelled', { exact: true }).waitFor();
  });

  it('says what to configure where there are no links, and downloads all the same', async () => {
    await using service = await world.withoutLinks();
    const tab = await open(undefined, service.url);
    await tab.signIn(service.token);
    await tab.choose({ name: 'dot.png', mimeType: 'image/png', buffer: await picture(world.browser) });
    await tab.uploaded('dot.png');
    await tab.scrollTo('dot.png');
    await tab.page.getByText(/content\.linkSecretFiles/).waitFor();
    const download = tab.page.waitForEvent('download');
    await tab.slot('dot.png').getByRole('button', { name: 'Download dot.png' }).click();
    assert.equal((await download).suggestedFilename(), 'dot.png');
  });

  it('shows what S3 saw, the key masked, and gives commands that work', async () => {
    const tab = await signedIn();
    // What curl and the shell would take for more than a name.
    const file = text("it's [1-2] {here,there} $(id).txt");
    await tab.choose(file);
    await tab.uploaded(file.name);
    const row = tab.upload(file.name);
    await row.getByText('What S3 saw').click();
    const table = row.getByRole('table', { name: 'Headers sent to S3' });
    await table.getByRole('row', { name: /customer-key •+ masked yes/ }).waitFor();
    assert.equal(await row.getByText('S3 answered 200.').count(), 1);
    const names = await table.getByRole('rowheader').allTextContents();
    const sent = world.s3.passed.findLast(isPut)?.headers ?? {};
    for (const name of names) assert.ok(name in sent, name);
    for (const name of ['host', 'content-length', KEY, `${KEY}-md5`]) assert.ok(names.includes(name), name);

    const commandsOf = async (which: 'upload' | 'slot'): Promise<string> => {
      await tab[which](file.name).getByRole('button', { name: /^curl/ }).click();
      const commands = await tab.page.getByRole('region', { name: 'Commands' }).textContent();
      await tab.page.keyboard.press('Escape');
      return commands ?? '';
    };
    const download = await commandsOf('slot');
    await run(world, download);
    assert.ok(file.buffer.equals(await readFile(join(world.dir, file.name))));
    const upload = await commandsOf('upload');
    assert.match(await run(world, upload), /"state":"uploaded"/);
    assert.doesNotMatch(download + upload, /slk_/);
  });

  it('keeps token and customer key out of document, storage and address', async () => {
    const tab = await signedIn();
    await tab.choose(text('secret.txt'));
    await tab.uploaded('secret.txt');
    await tab.upload('secret.txt').getByText('What S3 saw').click();
    const key = String(world.s3.passed.findLast(isPut)?.headers[KEY]);
    assert.equal(Buffer.from(key, 'base64').length, 32);
    const places = await tab.page.evaluate<string[]>(`(async () => [
      document.documentElement.outerHTML,
      ...[...document.querySelectorAll('input')].map(({ value }) => value),
      JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }),
      location.href, JSON.stringify(history.state), document.cookie,
      JSON.stringify(await indexedDB.databases()), JSON.stringify(await caches.keys()),
      ...performance.getEntries().map(({ name }) => name),
    ])()`);
    for (const place of places)
      for (const secret of [world.service.token, key])
        assert.ok(!place.includes(secret), place.slice(0, 200));
    await tab.page.reload();
    assert.equal(await tab.page.getByLabel('Token').inputValue(), '');
  });

  it('signs out: what is shown goes, and what is under way ends', async () => {
    const tab = await signedIn();
    const held = world.s3.hold(isPut, 1);
    await tab.choose(text('halfway.txt', 2 * MB));
    await held.reached;
    await tab.page.getByRole('button', { name: 'Sign out' }).click();
    held.release();
    await tab.page.getByLabel('Token').waitFor();
    assert.equal(await tab.page.getByText('halfway.txt').count(), 0);
  });

  it('is used by keyboard alone', async () => {
    const tab = await open();
    const { keyboard } = tab.page;
    const reach = async (name: RegExp): Promise<void> => {
      await waitUntil(`the focus on ${String(name)}`, async () => {
        await keyboard.press('Tab');
        return name.test(
          await tab.page.evaluate<string>(
            `document.activeElement.getAttribute('aria-label') ?? document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent.trim()`,
          ),
        );
      });
    };
    await reach(/^Token$/);
    await keyboard.type(world.service.token);
    await keyboard.press('Enter');
    await tab.page.getByText('Signed in with').waitFor();
    // Signed in, the focus is where one goes on.
    await waitUntil('the focus on the chooser', () =>
      tab.page.evaluate<boolean>("document.activeElement.id === 'choose'"),
    );
    const chooser = tab.page.waitForEvent('filechooser');
    await keyboard.press('Enter');
    await (await chooser).setFiles([text('by-keys.txt')]);
    await tab.uploaded('by-keys.txt');
    await reach(/^What S3 saw$/);
    await keyboard.press('Enter');
    await tab.upload('by-keys.txt').getByRole('table').waitFor();
    await reach(/^Delete by-keys.txt$/);
    await keyboard.press('Enter');
    await tab.page.getByRole('dialog').waitFor();
    await keyboard.press('Escape');
    await tab.page.getByRole('dialog').waitFor({ state: 'hidden' });
    await waitUntil('the focus to come back', () =>
      tab.page.evaluate<boolean>("document.activeElement.textContent.includes('Delete')"),
    );
  });

  it('remembers light or dark, and fits a phone', async () => {
    const tab = await open(PHONE);
    await tab.signIn(world.service.token);
    await tab.page.getByRole('button', { name: 'System theme: change' }).click();
    await tab.page.getByRole('button', { name: 'Light theme: change' }).click();
    await tab.page.reload();
    const scheme = 'getComputedStyle(document.documentElement).colorScheme';
    assert.equal(await tab.page.evaluate(scheme), 'dark');
    await tab.signIn(world.service.token);
    await tab.choose(text(`${'long-name-'.repeat(12)}.txt`));
    await tab.page.getByText('1 of 1 file uploaded').waitFor();
    const width = 'document.documentElement.scrollWidth';
    assert.equal(await tab.page.evaluate(width), 360, 'it has to be moved sideways');
  });
});

/** In bash, with the API key on standard input as a hand would give it. */
async function run(world: PageWorld, commands: string): Promise<string> {
  const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', commands], {
    cwd: world.dir,
    env: { PATH: process.env['PATH'], CURL_CA_BUNDLE: world.caFile, NO_PROXY: '*' },
  });
  let [told, wrong] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (told += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (wrong += text));
  child.stdin.end(`${world.service.token}\n`);
  const [code] = (await once(child, 'close')) as [number];
  assert.equal(code, 0, told + wrong);
  return told;
}
