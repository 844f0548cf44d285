import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Browser, Page } from 'playwright-core';

/** What a user could upload. */
export interface Hostile {
  readonly contentType: string;
  /** @param beacon where its script tells that it runs. */
  readonly bytes: (beacon: string) => string;
  /** Whether it runs when a plain server shows it. */
  readonly lives: boolean;
}

const script = (beacon: string) =>
  `document.title='ran';try{document.cookie='ran=1'}catch(e){};new Image().src='${beacon}';fetch('${beacon}',{mode:'no-cors'});alert('${beacon}')`;
/** What needs no script tells as well, when it is loaded. */
const html = (beacon: string) =>
  `<!doctype html><title>calm</title><img src="${beacon}/loaded"><body onload="fetch('${beacon}')"><script>${script(beacon)}</script><iframe srcdoc="<script>parent.postMessage('ran','*');fetch('${beacon}')</script>"></iframe>`;
const svg = (beacon: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="fetch('${beacon}')"><script>fetch('${beacon}',{mode:'no-cors'});document.title='ran'</script><image href="${beacon}/loaded"/></svg>`;
const xhtml = (beacon: string) =>
  `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>calm</title><script>${script(beacon)}</script></head><body/></html>`;
const js = (beacon: string) => `fetch('${beacon}',{mode:'no-cors'})`;
const mhtml = (beacon: string) =>
  `MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b; type="text/html"\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n${html(beacon)}\r\n--b--\r\n`;
const pdf = (beacon: string) =>
  `%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/URI/URI(${beacon})>>>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF`;

export const HOSTILE: Readonly<Record<string, Hostile>> = {
  HTML: { contentType: 'text/html', bytes: html, lives: true },
  'HTML in capitals, with parameters': { contentType: 'TEXT/HTML; charset=utf-8', bytes: html, lives: true },
  SVG: { contentType: 'image/svg+xml', bytes: svg, lives: true },
  XHTML: { contentType: 'application/xhtml+xml', bytes: xhtml, lives: true },
  'XML that is XHTML': { contentType: 'text/xml', bytes: xhtml, lives: true },
  'HTML of a type that browsers sniff': { contentType: 'unknown/unknown', bytes: html, lives: true },
  'a script': { contentType: 'text/javascript', bytes: js, lives: true },
  'a script that says it is plain text': { contentType: 'text/plain', bytes: js, lives: true },
  'HTML that says it is an image': { contentType: 'image/png', bytes: html, lives: false },
  'HTML that says it is a film': { contentType: 'video/webm', bytes: html, lives: false },
  'SVG that says it is an image': { contentType: 'image/gif', bytes: svg, lives: false },
  'an image that is a script': {
    contentType: 'image/gif',
    bytes: (beacon) => `GIF89a=1;${js(beacon)}`,
    lives: false,
  },
  'HTML that says it is plain text': { contentType: 'text/plain', bytes: html, lives: false },
  MHTML: { contentType: 'multipart/related', bytes: mhtml, lives: false },
  PDF: { contentType: 'application/pdf', bytes: pdf, lives: false },
};

/** A server of another origin: pages that embed, the same files without protection, and an ear for beacons. */
export interface Bystander extends AsyncDisposable {
  readonly origin: string;
  /** A page that embeds `url` in every way there is. */
  pageOf(url: string): string;
  /** The same bytes as a server sends them that thinks of nothing. */
  plain(contentType: string, bytes: string): string;
  /** Where a script says that it runs. */
  beacon(name: string): string;
  /** The names that were heard. */
  readonly heard: Set<string>;
}

export async function bystander(): Promise<Bystander> {
  const heard = new Set<string>();
  const files = new Map<string, { contentType: string; bytes: string }>();
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname.startsWith('/beacon/')) {
      heard.add(decodeURIComponent(pathname.slice('/beacon/'.length)));
      response.writeHead(204).end();
      return;
    }
    const file = files.get(pathname);
    if (pathname === '/page')
      response.writeHead(200, { 'content-type': 'text/html' }).end(embedding(searchParams.get('url') ?? ''));
    else if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': file.contentType }).end(file.bytes);
  });
  const origin = `http://127.0.0.1:${await listen(server)}`;
  return {
    origin,
    heard,
    pageOf: (url) => `${origin}/page?url=${encodeURIComponent(url)}`,
    plain(contentType, bytes) {
      const path = `/plain/${files.size}`;
      files.set(path, { contentType, bytes });
      return origin + path;
    },
    beacon: (name) => `${origin}/beacon/${encodeURIComponent(name)}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const embedding = (url: string) => {
  const src = url.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  return `<!doctype html><title>calm</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="${src}"><iframe src="${src}"></iframe><iframe sandbox="allow-scripts allow-same-origin" src="${src}"></iframe>
<img src="${src}"><object data="${src}"></object><embed src="${src}"><video src="${src}"></video><script src="${src}"></script>
<script type="module" src="${src}"></script>`;
};

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** What a browser did with a URL in a tab of its own. */
export interface Opened {
  readonly title: string;
  readonly cookies: number;
  readonly dialogs: number;
  readonly downloads: readonly string[];
  readonly url: string;
}

/** Opens `url`, and waits until all that it began has come to an end. */
export async function open(browser: Browser, url: string, by: Bystander): Promise<Opened> {
  const context = await browser.newContext();
  const page = await context.newPage();
  let dialogs = 0;
  const downloads: string[] = [];
  page.on('dialog', (dialog) => {
    dialogs += 1;
    void dialog.dismiss();
  });
  page.on('download', (download) => downloads.push(download.suggestedFilename()));
  const downloading = page.waitForEvent('download', { timeout: 0 }).catch(() => undefined);
  await Promise.race([page.goto(url, { waitUntil: 'load' }), downloading]).catch(async (error: unknown) => {
    if (!String(error).includes('Download is starting')) throw error;
    await downloading;
  });
  const opened = { title: await page.title(), cookies: (await context.cookies()).length, url: page.url() };
  await settle(page, by);
  await context.close();
  return { ...opened, dialogs, downloads };
}

/** What the browser sends after all that the tab has sent is heard after it. */
async function settle(page: Page, by: Bystander): Promise<void> {
  const last = await page.context().newPage();
  const name = `settled ${Math.random()}`;
  // It answers 204, which opens no page.
  await last.goto(by.beacon(name)).catch(() => undefined);
  if (!by.heard.delete(name)) throw new Error('nobody listens');
}
