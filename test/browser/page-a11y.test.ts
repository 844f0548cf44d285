import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { film, picture } from '../integration/support-media.ts';
import { DESKTOP, DemoPage, PageWorld, PHONE, text } from './page-world.ts';
import type { Passed } from './support-proxy.ts';

const MB = 1_000_000;
const AXE = await readFile(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

interface Verdict {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
  readonly passes: number;
}

const started = await available(() => PageWorld.start());

/** What axe-core finds, with its best practices. It comes by the debugger, past the page's policy, which stays as it is. */
async function judge({ page }: DemoPage, state: string): Promise<void> {
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate<Verdict>(
    `axe.run().then(({ violations, passes }) => ({
      violations: violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => ({ html })) })),
      passes: passes.length,
    }))`,
  );
  assert.deepEqual(violations, [], state);
  assert.ok(passes > 10, `${state}: ${passes} rules looked at something`);
}

describe('/demo by axe-core', { skip: started.skip }, () => {
  let world: PageWorld;
  before(() => {
    world = started.get();
  });
  after(() => started.stop());

  for (const [device, screen] of [
    ['desktop', DESKTOP],
    ['phone', PHONE],
  ] as const)
    for (const colorScheme of ['light', 'dark'] as const)
      it(`0 violations in each state: ${device}, ${colorScheme}`, async () => {
        await using tab = await world.open({ ...screen, colorScheme, reducedMotion: 'reduce' });
        const { page } = tab;
        await judge(tab, 'signed out');

        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.getByText('Paste a token first.').waitFor();
        await judge(tab, 'no token');

        await tab.signIn(world.service.token);
        await page.getByLabel('State').selectOption('rejected');
        await page.getByText('None is rejected.').waitFor();
        await judge(tab, 'empty');
        await page.getByLabel('State').selectOption({ index: 0 });

        const held = world.s3.hold(({ method, bytes }: Passed) => method === 'PUT' && bytes > MB, 2 * MB);
        await tab.choose(
          { name: 'clip.webm', mimeType: 'video/webm', buffer: await film(world.browser) },
          { name: 'dot.png', mimeType: 'image/png', buffer: await picture(world.browser) },
          text('slow.txt', 9 * MB),
          { name: 'bad.exe', mimeType: 'application/x-refused', buffer: Buffer.from('x') },
        );
        await held.reached;
        await tab.uploaded('clip.webm');
        await tab.uploaded('dot.png');
        await tab.upload('bad.exe').getByText('Failed', { exact: true }).waitFor();
        await tab
          .upload('slow.txt')
          .getByText(/ MB of 9\.0 MB/)
          .waitFor();
        await judge(tab, 'progress and error');
        await tab.upload('slow.txt').getByRole('button', { name: 'Pause slow.txt' }).click();
        await tab.upload('slow.txt').getByText('Paused', { exact: true }).waitFor();
        await judge(tab, 'paused');
        held.release();
        await tab.upload('slow.txt').getByRole('button', { name: 'Cancel slow.txt' }).click();
        await tab.upload('slow.txt').getByText('Cancelled', { exact: true }).waitFor();

        for (const [name, kind] of [
          ['dot.png', 'img'],
          ['clip.webm', 'video'],
        ] as const) {
          await tab.scrollTo(name);
          await tab.slot(name).locator(`.thumb ${kind}`).waitFor();
        }
        await tab.upload('dot.png').getByText('What S3 saw').click();
        await tab.upload('dot.png').getByRole('table').waitFor();
        await judge(tab, 'list with thumbnails, and what S3 saw');

        for (const [opens, dialog] of [
          [/^View clip.webm/, 'clip.webm'],
          [/^curl for clip.webm/, 'Download clip.webm by curl'],
          [/^Delete clip.webm/, 'Delete for good?'],
        ] as const) {
          await tab.slot('clip.webm').getByRole('button', { name: opens }).click();
          await page.getByRole('dialog', { name: dialog }).waitFor();
          await judge(tab, dialog);
          await page.keyboard.press('Escape');
        }
      });
});
