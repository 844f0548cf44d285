import type { BrowserContext, Page } from 'playwright-core';
import type { Json } from '../support/harness.ts';
import { waitUntil } from '../support/processes.ts';
import type { FileOnDisk, World } from './support-world.ts';

export interface Ask {
  /** In place of the world's. */
  readonly token?: string;
  /** Options of `createUploader`, as far as they are JSON. */
  readonly uploader?: object;
  /** Options of `upload`, as far as they are JSON. */
  readonly options?: object;
}

export interface Outcome {
  readonly slot?: Json;
  readonly error?: Failure;
}

/** An error as the page told it. */
export interface Failure {
  /** The exported class, if it is one. */
  readonly class?: string;
  readonly name: string;
  readonly code?: string;
  readonly status?: number;
  readonly s3Code?: string;
  readonly peer?: string;
  readonly likely?: string;
  readonly message: string;
}

export interface Progress {
  readonly bytes: number;
  readonly size: number;
  readonly resumed: number;
}

/** A tab with test/browser/page/client.js. */
export class ClientPage implements AsyncDisposable {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly #world: World;

  /** @param path `/client`, or `/modules` for a page without a bundler. */
  static async open(
    world: World,
    { origin = world.pages.origin, path = '/client' } = {},
  ): Promise<ClientPage> {
    const context = await world.browser.newContext();
    const page = await context.newPage();
    await page.goto(origin + path);
    return new ClientPage(world, context, page);
  }

  private constructor(world: World, context: BrowserContext, page: Page) {
    this.#world = world;
    this.context = context;
    this.page = page;
  }

  /** Chooses the file by hand, and begins to upload it. */
  async begin(file: FileOnDisk, ask: Ask = {}): Promise<void> {
    await this.page.setInputFiles('#file', file.path);
    await this.#call('beginChosen', ask);
  }

  /** The same of a Blob that the page makes itself. */
  async beginMade(size: number, ask: Ask = {}): Promise<void> {
    await this.#call('begin', { ...ask, size });
  }

  async #call(name: string, ask: object): Promise<void> {
    const all = { endpoint: this.#world.service.origin, token: this.#world.token, ...ask };
    await this.page.evaluate(`page.${name}(${JSON.stringify(all)})`);
  }

  async pause(): Promise<void> {
    await this.page.evaluate('page.run.upload.pause()');
  }

  async resume(): Promise<void> {
    await this.page.evaluate('page.run.upload.resume()');
  }

  async cancel(): Promise<void> {
    await this.page.evaluate('page.run.upload.cancel()');
  }

  state(): Promise<string> {
    return this.page.evaluate<string>('page.run.upload.state');
  }

  id(): Promise<string> {
    return this.page.evaluate<string>('page.run.upload.id');
  }

  async untilState(state: string): Promise<void> {
    await waitUntil(`the upload to be ${state}`, async () => (await this.state()) === state);
  }

  events(): Promise<(string | Progress)[]> {
    return this.page.evaluate<(string | Progress)[]>('page.run.events');
  }

  async states(): Promise<string[]> {
    return (await this.events()).filter((event) => typeof event === 'string');
  }

  async progress(): Promise<Progress[]> {
    return (await this.events()).filter((event) => typeof event === 'object');
  }

  async outcome(timeoutMs = 120_000): Promise<Outcome> {
    const ended = (): Promise<boolean> => this.page.evaluate<boolean>('page.run.outcome !== undefined');
    await waitUntil('the upload to end', ended, { timeoutMs });
    return this.page.evaluate<Outcome>('page.run.outcome');
  }

  /** The slot of an upload that went well. */
  async slot(timeoutMs?: number): Promise<Json> {
    const { slot, error } = await this.outcome(timeoutMs);
    if (error !== undefined) throw new Error(`the upload failed: ${JSON.stringify(error)}`);
    return slot;
  }

  /** How it failed. */
  async error(): Promise<Failure> {
    const { slot, error } = await this.outcome();
    if (error === undefined) throw new Error(`the upload did not fail: ${JSON.stringify(slot)}`);
    return error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close();
  }
}
