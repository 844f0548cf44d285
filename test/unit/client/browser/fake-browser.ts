import { request } from 'node:https';
import { text } from 'node:stream/consumers';

/** What a page has and Node has not; only as much of it as the client uses. */
export interface FakeBrowser {
  readonly storage: Storage;
  /** Whether there is a network. */
  setOnline(isOnline: boolean): void;
  /** Origins that a `no-cors` probe has asked for. */
  readonly probed: string[];
  /** Whether a probe is answered. */
  probeAnswers: boolean;
}

/** XMLHttpRequest over Node's HTTPS, to an S3 whose certificate is taken as it is. */
class NodeXhr {
  readonly upload: { onprogress?: (event: { loaded: number }) => void } = {};
  onloadend: (() => void) | undefined;
  status = 0;
  responseText = '';
  #url = '';
  readonly #headers: Record<string, string> = {};
  readonly #ending = new AbortController();

  open(_method: string, url: string): void {
    this.#url = url;
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }

  send(body: Blob): void {
    void this.#send(body).then(() => this.onloadend?.());
  }

  abort(): void {
    this.status = 0;
    this.#ending.abort();
  }

  async #send(body: Blob): Promise<void> {
    try {
      const bytes = Buffer.from(await body.arrayBuffer());
      const { signal } = this.#ending;
      const headers = { ...this.#headers, 'content-length': bytes.length };
      const call = request(this.#url, { method: 'PUT', headers, signal, rejectUnauthorized: false });
      const answered = new Promise<void>((resolve, reject) => {
        call.on('error', reject).on('response', (answer) => {
          text(answer).then((all) => {
            this.status = answer.statusCode ?? 0;
            this.responseText = all;
            resolve();
          }, reject);
        });
      });
      call.once('finish', () => {
        if (!signal.aborted) this.upload.onprogress?.({ loaded: bytes.length });
      });
      call.end(bytes);
      await answered;
    } catch {
      this.status = 0;
    }
  }
}

/** Makes this process look like a page at https://app.example.com. */
export function becomeBrowser(): FakeBrowser {
  const events = new EventTarget();
  const { fetch } = globalThis;
  const storage = fakeStorage();
  const browser = {
    storage,
    probed: [] as string[],
    probeAnswers: false,
    setOnline(isOnline: boolean) {
      Object.defineProperty(navigator, 'onLine', { value: isOnline, configurable: true });
      if (isOnline) events.dispatchEvent(new Event('online'));
    },
  };
  Object.assign(globalThis, {
    XMLHttpRequest: NodeXhr,
    isSecureContext: true,
    location: { origin: 'https://app.example.com' },
    addEventListener: events.addEventListener.bind(events),
    fetch: async (url: string, options: RequestInit) => {
      if (options.mode !== 'no-cors') return fetch(url, options);
      browser.probed.push(url);
      if (browser.probeAnswers) return new Response();
      throw new TypeError('Failed to fetch');
    },
  });
  browser.setOnline(true);
  return browser;
}

/** Its entries are its own enumerable members, as a browser's are. */
export function fakeStorage(): Storage {
  const methods = {
    getItem(this: Record<string, string>, name: string) {
      return this[name] ?? null;
    },
    setItem(this: Record<string, string>, name: string, value: string) {
      this[name] = value;
    },
    removeItem(this: Record<string, string>, name: string) {
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a Storage is such an object
      delete this[name];
    },
  };
  return Object.create(methods) as Storage;
}
