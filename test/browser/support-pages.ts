import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import ts from 'typescript';
import type { Certificate } from './support-proxy.ts';

const ROOT = new URL('../../', import.meta.url);
const UPPY_STYLES = ['core', 'dashboard'].map((name) => `node_modules/@uppy/${name}/dist/style.min.css`);

/** Pages that use the client, under three origins. */
export interface Pages extends AsyncDisposable {
  /** Where the service and S3 both let scripts in. */
  readonly origin: string;
  readonly unknownToService: string;
  readonly unknownToS3: string;
  /** Adds a page whose script is bundled from `code`, in which imports are resolved as in a file of the project. @returns its path. */
  add(name: string, code: string): string;
}

/**
 * The scripts of test/browser/page as pages: `/client`; `/modules` is the same without a bundler.
 * @param token what `/upload-token` answers, as the backend of a page would.
 */
export async function servePages(certificate: Certificate, token: () => string): Promise<Pages> {
  const bundled = new Map<string, Promise<string>>();
  const added = new Map<string, string>();
  const script = (name: string): Promise<string> => {
    const known = bundled.get(name);
    if (known !== undefined) return known;
    const made = bundle(name, added.get(name));
    bundled.set(name, made);
    return made;
  };
  const answer = async (path: string): Promise<readonly [type: string, text: string]> => {
    if (path === '/upload-token') return ['application/json', JSON.stringify({ token: token() })];
    if (path === '/favicon.ico') return ['image/x-icon', ''];
    if (path === '/style.css') return ['text/css', (await Promise.all(UPPY_STYLES.map(source))).join('\n')];
    if (path === '/modules') return ['text/html', unbundledPage()];
    if (path === '/unbundled.js') return ['text/javascript', await source('test/browser/page/client.js')];
    if (path.startsWith('/dist/')) return ['text/javascript', await built(path)];
    if (path.endsWith('.js')) return ['text/javascript', await script(path.slice(1, -'.js'.length))];
    return ['text/html', page(`${path}.js`)];
  };
  const servers: Server[] = [];
  const listen = async (): Promise<string> => {
    const server = createServer({ ...certificate }, (request, response) => {
      answer(new URL(request.url ?? '/', 'https://localhost').pathname).then(
        ([type, text]) => response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(text),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return `https://localhost:${(server.address() as AddressInfo).port}`;
  };
  return {
    origin: await listen(),
    unknownToService: await listen(),
    unknownToS3: await listen(),
    add(name, code) {
      added.set(name, code);
      return `/${name}`;
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

const head = (script: string): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>calm</title><link rel="stylesheet" href="/style.css">${script}`;
const body = '<body><input type="file" id="file" aria-label="file"><div id="uppy"></div></body></html>';
const page = (script: string): string => `${head(`<script type="module" src="${script}"></script>`)}${body}`;

/** What a page without a bundler does: it names where the modules lie. */
const unbundledPage = (): string =>
  head(
    `<script type="importmap">{"imports": {"sealslot/client": "/dist/client/browser/index.js"}}</script><script type="module" src="/unbundled.js"></script>`,
  ) + body;

const source = (path: string): Promise<string> => readFile(new URL(path, ROOT), 'utf8');

/** A module of src as `npm run build` writes it. */
async function built(path: string): Promise<string> {
  const name = path.replace('/dist/', 'src/').replace(/\.js$/, '.ts');
  return ts.transpileModule(await source(name), {
    compilerOptions: {
      target: ts.ScriptTarget.ES2024,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  }).outputText;
}

async function bundle(name: string, code: string | undefined): Promise<string> {
  const { outputFiles } = await build({
    ...(code === undefined
      ? { entryPoints: [new URL(`test/browser/page/${name}.js`, ROOT).pathname] }
      : { stdin: { contents: code, resolveDir: ROOT.pathname, sourcefile: `${name}.js` } }),
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
    alias: {
      'sealslot/client': new URL('src/client/browser/index.ts', ROOT).pathname,
      'sealslot/uppy': new URL('src/client/uppy/index.ts', ROOT).pathname,
    },
    loader: { '.css': 'empty' },
  });
  return outputFiles[0]?.text ?? '';
}
