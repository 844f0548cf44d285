import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import type { Shell } from '../../scripts/demo/shell.ts';
import { available } from '../support/available.ts';
import { blocksOf, pageNames, type Block } from '../unit/docs/pages.ts';
import { classOf, valueOf } from '../unit/docs/snippets.ts';
import { S3, SERVICE, SnippetWorld } from './support-snippets.ts';

/** What the blocks of a page that run print, in order. What a page's blocks give on their own is asserted here, or nothing is. */
const PRINTED: Readonly<Record<string, readonly RegExp[]>> = {
  'docs/recipes.md': [
    /^[0-9a-f-]{36} uploaded\n$/,
    /^[0-9a-f-]{36} uploaded\n$/,
    /^[0-9a-f-]{36} uploaded$/,
  ],
};
/** What `read` in a block gets. */
const TYPED: Readonly<Record<string, (world: SnippetWorld) => string>> = {};

const opened = await available(async () => {
  const world = await SnippetWorld.open();
  return Object.assign(world, { stop: () => world[Symbol.asyncDispose]() });
});

/** The blocks of one page, in order, in one folder and one shell. */
class Session {
  readonly #world: SnippetWorld;
  readonly dir: string;
  readonly #shell: Shell;
  readonly #said: string[] = [];
  #html = '';

  static async open(world: SnippetWorld, name: string): Promise<Session> {
    return new Session(world, await world.folder(name), name);
  }

  private constructor(world: SnippetWorld, dir: string, page: string) {
    this.#world = world;
    this.dir = dir;
    this.#shell = world.shell(dir, (line) => void this.#said.push(line));
    void page;
  }

  close(): Promise<void> {
    return this.#shell[Symbol.asyncDispose]();
  }

  /** @returns what a program printed. */
  async run(block: Block, typed = ''): Promise<string> {
    const [language = ''] = block.info.split(' ');
    if (language === 'js' || language === 'python') {
      const file = `program.${language === 'js' ? 'mjs' : 'py'}`;
      await writeFile(join(this.dir, file), block.text);
      return this.#world.program(this.dir, language, file);
    }
    await writeFile(join(this.dir, 'block.sh'), block.text);
    await writeFile(join(this.dir, 'typed'), typed);
    return this.#shell.run('. ./block.sh < typed').catch((error: unknown) => {
      throw new Error(`${block.at}: ${this.#said.join('\n')}`, { cause: error });
    });
  }

  async write({ text }: Block, name: string): Promise<void> {
    await mkdir(dirname(join(this.dir, name)), { recursive: true });
    await writeFile(join(this.dir, name), text);
  }

  takeHtml({ text }: Block): void {
    this.#html = text;
  }

  open(script: string): Promise<Page> {
    return this.#world.page(this.dir, this.#html, script);
  }
}

/** Chooses a file, presses the button if there is one, and waits for what the page says in the end. */
async function upload(page: Page, dir: string): Promise<string> {
  await page.setInputFiles('input[type=file]', join(dir, 'report.pdf'));
  const button = page.locator('button');
  if ((await button.count()) > 0) await button.click();
  const output = page.locator('output');
  await output.filter({ hasText: ':' }).waitFor();
  return (await output.textContent()) ?? '';
}

describe('the snippets of the documents', { skip: opened.skip }, async () => {
  after(() => opened.stop());

  for (const name of await pageNames()) {
    const blocks = (await blocksOf(name)).filter((block) =>
      ['run', 'demo', 'page', 'file'].includes(classOf(block) ?? ''),
    );
    if (blocks.length === 0) continue;
    describe(name, () => {
      let session: Session;
      before(async () => {
        session = await Session.open(opened.get(), name);
      });
      after(() => session.close());
      let place = 0;
      for (const block of blocks) {
        const file = valueOf(block, 'file');
        const [language] = block.info.split(' ');
        if (file !== undefined) {
          it(`${block.at}: ${file}`, () => session.write(block, file));
        } else if (classOf(block) === 'page') {
          it(`${block.at}: in Chromium`, () =>
            language === 'html' ? session.takeHtml(block) : inChromium(session, block));
        } else {
          const printed = PRINTED[name]?.[place++];
          it(`${block.at}: ${language ?? ''}`, async () => {
            assert.ok(printed !== undefined, 'say in PRINTED what it prints');
            assert.match(await session.run(block, TYPED[name]?.(opened.get())), printed);
          });
        }
      }
      it('all that it should print was asked for', () => assert.equal(place, PRINTED[name]?.length ?? 0));
    });
  }
});

async function inChromium(session: Session, block: Block): Promise<void> {
  const page = await session.open(block.text);
  const said: string[] = [];
  page.on('console', (message) => void said.push(message.text()));
  page.on('pageerror', (error) => void said.push(error.message));
  try {
    assert.equal(await upload(page, session.dir), 'report.pdf: uploaded', said.join('\n'));
  } finally {
    await page.close();
  }
}
void S3;
void SERVICE;
