import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Shell } from '../../scripts/demo/shell.ts';
import { freePort, waitUntil } from '../support/processes.ts';
import type { Block } from '../unit/docs/pages.ts';
import { classOf, valueOf } from '../unit/docs/snippets.ts';
import { operatorsEnv, PAGES, type PageSettings } from './support-snippet-pages.ts';
import type { SnippetWorld } from './support-snippets.ts';

const UPLOAD_TIMEOUT_MS = 30_000;

/** The blocks of one page, in order, in one folder and one shell. */
export class Session {
  readonly #world: SnippetWorld;
  readonly #dir: string;
  readonly #shell: Shell;
  readonly #settings: PageSettings | undefined;
  readonly #said: string[];
  /** As in the recipes, where a page's text has none. */
  #html =
    '<input id="file" type="file"><progress id="progress"></progress><output id="output"></output><script type="module" src="page.js"></script>';
  #headers: Record<string, string> = {};
  #backend: string | undefined;
  #programs = 0;

  /** @param name of its folder. @param page whose settings it has. */
  static async open(world: SnippetWorld, name: string, page = name): Promise<Session> {
    const dir = await world.folder(name);
    const settings = PAGES[page];
    const said: string[] = [];
    const isOperators = settings?.as === 'operator';
    const more = { ...settings?.env?.(world), ...(isOperators && operatorsEnv(world)) };
    const cwd = isOperators ? world.service.dir : dir;
    const shell = world.shell(
      dir,
      { cwd, more, isOwn: settings?.as === 'founder' },
      (line) => void said.push(line),
    );
    return new Session(world, dir, shell, settings, said);
  }

  private constructor(
    world: SnippetWorld,
    dir: string,
    shell: Shell,
    settings: PageSettings | undefined,
    said: string[],
  ) {
    this.#world = world;
    this.#dir = dir;
    this.#shell = shell;
    this.#settings = settings;
    this.#said = said;
  }

  async close(): Promise<void> {
    await this.#shell[Symbol.asyncDispose]();
  }

  /** @returns what a program printed, or a page shows in the end; undefined of what is only kept for later blocks. */
  async take(block: Block): Promise<string | undefined> {
    const file = valueOf(block, 'file');
    if (file !== undefined) {
      await mkdir(dirname(join(this.#dir, file)), { recursive: true });
      await writeFile(join(this.#dir, file), block.text);
      return undefined;
    }
    if (block.info === 'html page') {
      this.#html = block.text;
      return undefined;
    }
    if (block.info === 'http csp') {
      const [name = '', ...value] = block.text.trim().split(': ');
      this.#headers = { [name]: value.join(': ') };
      return undefined;
    }
    if (classOf(block) === 'page') return this.#inChromium(block);
    const [language = ''] = block.info.split(' ');
    if (language === 'js' || language === 'python') {
      const name = `program-${this.#programs++}.${language === 'js' ? 'mjs' : 'py'}`;
      await writeFile(join(this.#dir, name), block.text);
      if (block.info.split(' ').includes('serve')) return this.#serves(block);
      return this.#world.program(this.#dir, language, name, this.#settings?.env?.(this.#world));
    }
    return this.#inShell(block);
  }

  async #inShell({ at, text, info }: Block): Promise<string> {
    const [script, typed] = [join(this.#dir, 'block.sh'), join(this.#dir, 'typed')];
    await writeFile(script, text);
    await writeFile(typed, this.#settings?.typed?.(this.#world) ?? '');
    if (info.split(' ').includes('serve')) return this.#inBackground(script);
    return this.#shell.run(`. '${script}' < '${typed}'`).catch((error: unknown) => {
      throw new Error(`${at}: ${this.#said.splice(0).join('\n')}`, { cause: error });
    });
  }

  /** What a reader does in a terminal of its own. It ends with the shell. */
  async #inBackground(script: string): Promise<string> {
    const output = join(this.#dir, 'served');
    // A group of its own: the shell that reads the block would end alone, and leave what it waits for behind. Its number is taken now, as later
    // blocks start processes, too.
    await this.#shell.run(
      `set -m\n ( . '${script}' ) > '${output}' 2>&1 &\n set +m\n trap "kill -- -$!; wait $! || true" EXIT`,
    );
    const url = `http://127.0.0.1:${this.#world.ownPort}/openapi.json`;
    await waitUntil('the service of the page', () =>
      fetch(url).then(
        ({ ok }) => ok,
        () => false,
      ),
    ).catch(async (error: unknown) => {
      throw new Error(await readFile(output, 'utf8'), { cause: error });
    });
    return '';
  }

  /** A server of the reader's own, under the name of the pages. @returns what a receiver of webhooks prints of an upload, else nothing. */
  async #serves({ info }: Block): Promise<string> {
    const port = await freePort();
    this.#backend = `http://127.0.0.1:${port}`;
    const url = this.#backend;
    this.#world.site = () => ({ url });
    const [name, output] = [`program-${this.#programs - 1}.mjs`, join(this.#dir, 'served')];
    await this.#shell.run(`PORT=${port} node ${name} > '${output}' 2>&1 &\n trap "kill $!" EXIT`);
    await waitUntil('the server of the page', () =>
      fetch(url).then(
        () => true,
        () => false,
      ),
    );
    if (!info.split(' ').includes('webhooks')) return '';
    await this.#shell.run('SEALSLOT_ENDPOINT=https://uploads.example.com sealslot upload photos/one.jpg');
    const said = () => readFile(output, 'utf8');
    await waitUntil('a webhook', async () => (await said()).includes('\n'));
    return said();
  }

  /** Chooses a file, presses the button if there is one, and waits for what the page says in the end. */
  async #inChromium({ text }: Block): Promise<string> {
    const page = await this.#world.page(this.#dir, {
      ...{ html: this.#html, script: text, headers: this.#headers },
      ...(this.#backend !== undefined && { backend: this.#backend }),
    });
    const said: string[] = [];
    page.on('console', (message) => void said.push(message.text()));
    page.on('pageerror', (error) => void said.push(error.message));
    try {
      await page.setInputFiles('input[type=file]', join(this.#dir, 'report.pdf'));
      const button = page.locator('form button');
      if ((await button.count()) > 0) await button.click();
      const output = page.locator('output');
      await output.filter({ hasText: ':' }).waitFor({ timeout: UPLOAD_TIMEOUT_MS });
      return (await output.textContent()) ?? '';
    } catch (error) {
      throw new Error(said.join('\n'), { cause: error });
    } finally {
      await page.close();
    }
  }
}
