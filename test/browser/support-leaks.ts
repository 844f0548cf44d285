import type { Page } from 'playwright-core';

/** All that a page keeps where others could read it, as one text. */
const STORED = `(async () => {
  const kept = { local: { ...localStorage }, session: { ...sessionStorage }, cookie: document.cookie, title: document.title };
  const databases = [];
  for (const { name } of await indexedDB.databases()) {
    const database = await new Promise((resolve, reject) => {
      const opening = indexedDB.open(name);
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = () => reject(opening.error);
    });
    for (const store of database.objectStoreNames) {
      const rows = await new Promise((resolve, reject) => {
        const reading = database.transaction(store).objectStore(store).getAll();
        reading.onsuccess = () => resolve(reading.result);
        reading.onerror = () => reject(reading.error);
      });
      databases.push({ name, store, rows });
    }
    database.close();
  }
  const cached = [];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) cached.push([request.url, await (await cache.match(request)).text()]);
  }
  return JSON.stringify({ ...kept, databases, cached, history: history.state, url: location.href, html: document.documentElement.outerHTML });
})()`;

/** Writes down where a page puts things. */
export class Leaks {
  readonly console: string[] = [];
  readonly urls: string[] = [];
  readonly #stored: string[] = [];
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
    page.on('console', (message) => this.console.push(message.text()));
    page.on('pageerror', (error) => this.console.push(String(error)));
    page.on('request', (request) => this.urls.push(request.url()));
  }

  /** Looks at what is kept now. */
  async look(): Promise<void> {
    this.#stored.push(await this.#page.evaluate<string>(STORED));
  }

  /** Where a text was found: in the console, in a URL, or in what was kept whenever one looked. */
  of(secret: string): string[] {
    const forms = [secret, encodeURIComponent(secret)];
    const places = { console: this.console, url: this.urls, stored: this.#stored };
    return Object.entries(places)
      .filter(([, texts]) => texts.some((text) => forms.some((form) => text.includes(form))))
      .map(([name]) => name);
  }
}
