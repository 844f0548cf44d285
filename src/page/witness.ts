/** One request as it left for S3. */
export interface Sent {
  readonly method: string;
  readonly origin: string;
  /** Without the query, which holds the signature. */
  readonly path: string;
  /** `partNumber`, of a part. */
  readonly part: string | undefined;
  /** What the URL's signature covers, in lower case. */
  readonly signed: readonly string[];
  readonly headers: readonly { readonly name: string; readonly value: string; readonly isSecret: boolean }[];
  /** Of the answer; 0 when there was none that the page may read. */
  status: number | undefined;
}

const SECRET = new Set(['authorization', 'x-amz-server-side-encryption-customer-key']);
const MASK = '••••••••';
const SLOT_ID = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g;
/** Of one slot; the parts of a large file are alike. */
const MOST = 50;

const seen = new Map<string, { count: number; sent: Sent[] }>();

/**
 * Notes what goes to S3 at the last gate before the network, for the client tells nobody what it sends. Values that are secret are masked
 * here: what is noted can be shown. Other origins only, for the service's own calls are no secret of this page.
 */
class WatchedRequest extends XMLHttpRequest {
  #sent: (Sent & { headers: { name: string; value: string; isSecret: boolean }[] }) | undefined;

  override open(method: string, address: string | URL, ...more: unknown[]): void {
    const url = new URL(address, location.href);
    this.#sent = url.origin === location.origin ? undefined : sentTo(method, url);
    const rest = more.length === 0 ? [true] : more;
    super.open(method, url, ...(rest as [boolean]));
  }

  override setRequestHeader(name: string, value: string): void {
    const isSecret = SECRET.has(name.toLowerCase());
    this.#sent?.headers.push({ name: name.toLowerCase(), value: isSecret ? MASK : value, isSecret });
    super.setRequestHeader(name, value);
  }

  override send(body?: Document | XMLHttpRequestBodyInit | null): void {
    const sent = this.#sent;
    if (sent !== undefined) {
      if (body instanceof Blob)
        sent.headers.push({ name: 'content-length', value: String(body.size), isSecret: false });
      note(sent);
      // Whoever made it may abort it at its end, which takes the status away.
      this.addEventListener('readystatechange', () => {
        if (this.readyState === XMLHttpRequest.DONE) sent.status = this.status;
      });
    }
    super.send(body);
  }
}

/** From now on, in this page. */
export function watchRequests(): void {
  globalThis.XMLHttpRequest = WatchedRequest;
}

/** What was sent to S3 for this slot, oldest first, and how many in all. An object key always contains its slot's id. */
export function sentFor(id: string): { readonly count: number; readonly sent: readonly Sent[] } {
  return seen.get(id) ?? { count: 0, sent: [] };
}

/** Where the last one of them went. */
export function originOf(id: string | undefined): string | undefined {
  return id === undefined ? undefined : sentFor(id).sent.at(-1)?.origin;
}

function sentTo(method: string, url: URL): NonNullable<Sent & { headers: Sent['headers'][number][] }> {
  return {
    method,
    origin: url.origin,
    path: decodeURI(url.pathname),
    part: url.searchParams.get('partNumber') ?? undefined,
    signed: (url.searchParams.get('X-Amz-SignedHeaders') ?? '').split(';'),
    headers: [{ name: 'host', value: url.host, isSecret: false }],
    status: undefined,
  };
}

function note(sent: Sent): void {
  for (const id of new Set(sent.path.match(SLOT_ID) ?? [])) {
    const of = seen.get(id) ?? { count: 0, sent: [] };
    of.count += 1;
    if (of.sent.length < MOST) of.sent.push(sent);
    seen.set(id, of);
  }
}
