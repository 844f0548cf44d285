/** What of a browser, of the service and of S3 an upload needs, in one process. */
interface Ask {
  readonly size: number;
  readonly method?: string;
}
interface Made extends Ask {
  readonly id: string;
  readonly state: string;
}
type Told = Pick<XMLHttpRequest, 'open' | 'setRequestHeader' | 'abort' | 'send'> & {
  upload: object;
  onloadend: () => void;
};

const MIB = 1024 ** 2;
const PART = 5 * MIB;
const LATER = '2099-01-01T00:00:00Z';

export class Page {
  /** In the order in which they were asked for. */
  readonly slots = new Map<string, Made>();
  /** First letter of each part, by slot and part number. */
  readonly sent = new Map<string, Record<number, string>>();
  readonly deleted: string[] = [];
  /** How many more bodies S3 takes before it is gone. */
  takes = Infinity;
  readonly storage = makeStorage();

  constructor() {
    Object.assign(globalThis, {
      isSecureContext: true,
      location: { origin: 'https://page.example' },
      fetch: (url: string, init?: RequestInit) => this.#fetch(new URL(url), init),
      XMLHttpRequest: this.#requests(),
    });
    Object.defineProperty(navigator, 'onLine', { value: true, configurable: true });
  }

  async #fetch({ origin, pathname }: URL, init: RequestInit = {}): Promise<Response> {
    if (origin !== 'https://service.example') throw new TypeError('down');
    const body = JSON.parse(typeof init.body === 'string' ? init.body : '{}') as Ask & {
      partNumbers: number[];
    };
    const key = new Headers(init.headers).get('idempotency-key');
    if (key !== null) return answer(201, withRequest(this.#made(key, body)));
    const [, id = '', what] = /^\/v1\/uploads\/([^/]+)\/?(.*)$/.exec(pathname) ?? [];
    const slot = [...this.slots.values()].find((each) => each.id === id);
    if (slot === undefined) return answer(404, { code: 'upload_not_found' });
    if (init.method === 'DELETE') {
      this.deleted.push(id);
      return answer(202, { ...slot, state: 'deleting' });
    }
    if (what === 'parts')
      return answer(200, { parts: init.method === 'GET' ? this.#have(slot) : partsOf(slot, body) });
    const uploaded: Made = { ...slot, state: 'uploaded' };
    for (const [name, each] of this.slots) if (each.id === id) this.slots.set(name, uploaded);
    return answer(200, uploaded);
  }

  #made(key: string, ask: Ask): Made {
    const slot = this.slots.get(key) ?? {
      ...ask,
      ...{ id: `slot-${this.slots.size + 1}`, state: 'issued' },
    };
    this.slots.set(key, slot);
    return slot;
  }

  #have(slot: Made): object[] {
    return Object.keys(this.sent.get(slot.id) ?? {}).map((part) => ({
      partNumber: Number(part),
      size: sizeOf(slot, Number(part)),
    }));
  }

  #requests(): new () => Told {
    const take = async (url: URL, body: Blob): Promise<number> => {
      const text = await body.slice(0, 1).text();
      this.takes -= 1;
      if (this.takes < 0) return 0;
      const parts = this.sent.get(url.pathname.slice(1)) ?? {};
      parts[Number(url.searchParams.get('partNumber'))] = text;
      this.sent.set(url.pathname.slice(1), parts);
      return 200;
    };
    return class {
      readonly upload = {};
      readonly responseText = '';
      status = 0;
      onloadend = (): void => undefined;
      #url = new URL('https://s3.example');
      open(_method: string, url: string): void {
        this.#url = new URL(url);
      }
      setRequestHeader(): void {
        // Nobody looks.
      }
      abort(): void {
        // It is over before.
      }
      send(body: unknown): void {
        void take(this.#url, body as Blob).then((status) => {
          this.status = status;
          this.onloadend();
        });
      }
    };
  }
}

function withRequest(slot: Made): object {
  if (slot.state !== 'issued') return slot;
  const partCount = Math.ceil(slot.size / PART);
  const parts = { method: 'multipart', partSize: PART, partCount, expiresAt: LATER };
  const whole = { method: 'PUT', url: `https://s3.example/${slot.id}`, headers: {}, expiresAt: LATER };
  return { ...slot, request: slot.method === 'multipart' ? parts : whole };
}

function partsOf(slot: Made, { partNumbers }: { partNumbers: number[] }): object[] {
  return partNumbers.map((partNumber) => ({
    ...{ partNumber, size: sizeOf(slot, partNumber), headers: {}, expiresAt: LATER },
    url: `https://s3.example/${slot.id}?partNumber=${partNumber}`,
  }));
}

const sizeOf = ({ size }: Ask, part: number): number => Math.min(PART, size - (part - 1) * PART);
const answer = (status: number, body: unknown): Response => Response.json(body, { status });

/** As a browser's: what is in it are its members. */
function makeStorage(): Storage {
  const storage: Record<string, unknown> = {};
  const hidden = {
    getItem: (name: string) => storage[name] ?? null,
    setItem: (name: string, value: string) => void (storage[name] = value),
    removeItem: (name: string) => Reflect.deleteProperty(storage, name),
  };
  for (const [name, value] of Object.entries(hidden)) Object.defineProperty(storage, name, { value });
  return storage as unknown as Storage;
}
