import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import type { Json } from '../support/harness.ts';
import { waitUntil } from '../support/processes.ts';
import { blocksOf } from '../unit/docs/pages.ts';
import type { World } from './support-world.ts';

const SERVICE = 'https://uploads.example.com';

/** Writes down what Uppy says, after the document's own lines. */
const RECORDER = `
const run = { events: [], errors: [], finished: undefined };
for (const name of ['upload-start', 'upload-pause', 'pause-all', 'resume-all', 'retry-all', 'cancel-all'])
  uppy.on(name, () => run.events.push(name));
uppy.on('upload-progress', (file, { bytesUploaded, bytesTotal }) => run.events.push({ bytes: bytesUploaded, size: bytesTotal }));
uppy.on('upload-success', (file, response) => run.events.push({ success: response }));
uppy.on('upload-error', (file, error) => run.errors.push({ message: error.message, details: error.details }));
uppy.on('complete', ({ successful, failed }) => (run.finished = { successful: successful.length, failed: failed.length }));
globalThis.page = { run, uppy };
`;

/** The code block of docs/uppy.md that is marked so, as a page of the world; only the service's address is another. */
export async function uppyPage(world: World, mark: string): Promise<string> {
  const blocks = (await blocksOf('docs/uppy.md')).filter(({ info }) => info === `js browser ${mark}`);
  const text = blocks[0]?.text ?? '';
  assert.ok(blocks.length === 1 && text.includes(SERVICE), mark);
  return world.pages.add(`uppy-${mark}`, text.replace(SERVICE, world.service.origin) + RECORDER);
}

export interface Told {
  readonly events: readonly Json[];
  readonly errors: readonly { readonly message: string; readonly details?: string }[];
  readonly finished: { readonly successful: number; readonly failed: number } | undefined;
}

/** Uppy's Dashboard in a tab, used as a person uses it. */
export class DashboardPage implements AsyncDisposable {
  readonly page: Page;

  static async open(world: World, url: string): Promise<DashboardPage> {
    const page = await (await world.browser.newContext()).newPage();
    await page.goto(url);
    return new DashboardPage(page);
  }

  private constructor(page: Page) {
    this.page = page;
  }

  async add(...paths: string[]): Promise<void> {
    await this.page.locator('.uppy-Dashboard-input').first().setInputFiles(paths);
  }

  async upload(): Promise<void> {
    await this.page.locator('.uppy-StatusBar-actionBtn--upload').click();
  }

  async click(button: 'togglePauseResume' | 'cancel' | 'retry'): Promise<void> {
    await this.page.locator(`[data-cy=${button}]`).click();
  }

  /** What Uppy says to a person who clicks the question mark beside the file that failed. */
  async errorDetails(): Promise<string> {
    const told = Promise.withResolvers<string>();
    this.page.once('dialog', (dialog) => {
      told.resolve(dialog.message());
      void dialog.dismiss();
    });
    // What is shown over the Dashboard may cover it for some seconds.
    await this.page.locator('.uppy-Dashboard-Item-errorDetails').first().dispatchEvent('click');
    return told.promise;
  }

  /** What stands over the Dashboard for a while. */
  async shown(): Promise<string> {
    return (await this.page.locator('.uppy-Informer').allInnerTexts()).join('\n');
  }

  told(): Promise<Told> {
    return this.page.evaluate<Told>('page.run');
  }

  state(): Promise<Json> {
    return this.page.evaluate<Json>('page.uppy.getState()');
  }

  /** Forgets what was told of the round before. */
  async again(): Promise<void> {
    await this.page.evaluate('Object.assign(page.run, { finished: undefined, errors: [] })');
  }

  /** Until this round has ended. @returns what was told. */
  async finished(timeoutMs?: number): Promise<Told> {
    const isOver = () => this.page.evaluate<boolean>('page.run.finished !== undefined');
    await waitUntil('Uppy to finish', isOver, timeoutMs === undefined ? {} : { timeoutMs });
    return this.told();
  }

  /** The one slot of a round that went well. */
  async slot(timeoutMs?: number): Promise<Json> {
    const told = await this.finished(timeoutMs);
    assert.deepEqual([told.errors, told.finished], [[], { successful: 1, failed: 0 }]);
    return told.events.findLast(({ success }) => success !== undefined)?.success.body;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
  }
}

/** Never back, never over, and at the end all of it. */
export function assertMonotone(
  told: readonly { readonly bytes: number; readonly size: number }[],
  size: number,
): void {
  assert.ok(told.length > 0, 'no progress');
  told.forEach((progress, index) => {
    assert.equal(progress.size, size);
    const before = told[index - 1]?.bytes ?? 0;
    assert.ok(progress.bytes >= before && progress.bytes <= size, `${before}, then ${progress.bytes}`);
  });
  assert.equal(told.at(-1)?.bytes, size);
}
