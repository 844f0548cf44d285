import type { Json } from '../../support/harness.ts';
import type { Answer } from '../../support/service.ts';
import type { Acknowledgement, Ask, Told } from './history.ts';

/** The slots of an answer to one slot or to a batch. */
export function slotsIn(body: Answer['body']): Json[] {
  if (body?.uploads !== undefined) return body.uploads as Json[];
  return body?.id === undefined ? [] : [body];
}

/** What a client learns from an answer. */
export function acknowledgementOf(ask: Ask, { status, headers, body }: Answer): Omit<Acknowledgement, 'at'> {
  const isGood = status < 300;
  return {
    status,
    ...(!isGood && { code: String(body?.code), hasRetryAfter: headers.has('retry-after') }),
    isReplay: headers.get('idempotency-replayed') === 'true',
    slots: isGood ? toldOf(ask, body) : [],
    ...(isGood && ask.kind === 'mint' && { grantId: String(body.id) }),
  };
}

function toldOf(ask: Ask, body: Answer['body']): Told[] {
  if (ask.kind === 'mint') return [];
  if (ask.kind === 'parts')
    return (body.parts as Request[]).map((part) => ({ slotId: ask.slotId, ...handedOut(part) }));
  return slotsIn(body).map(({ id, state, request }) => ({
    slotId: String(id),
    state: String(state),
    ...(request !== undefined && handedOut(request as Request)),
  }));
}

interface Request {
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly expiresAt: string;
}

/** The key, and the later of what is said of the URL's end and what is signed of it. */
function handedOut({ url, headers, expiresAt }: Request): Pick<Told, 'customerKey' | 'urlEndsAt'> {
  const customerKey = headers?.['x-amz-server-side-encryption-customer-key'];
  // The request of a multipart slot has neither key nor URL: they come with its parts.
  if (url === undefined || customerKey === undefined) return {};
  return { customerKey, urlEndsAt: Math.max(Date.parse(expiresAt), signedEndOf(new URL(url).searchParams)) };
}

function signedEndOf(query: URLSearchParams): number {
  const [, date, time] = /^(\d{8})T(\d{6})Z$/.exec(query.get('X-Amz-Date') ?? '') ?? [];
  const [, year, month, day] = /^(....)(..)(..)$/.exec(date ?? '') ?? [];
  const [, hour, minute, second] = /^(..)(..)(..)$/.exec(time ?? '') ?? [];
  const signedAt = Date.parse(
    `${year ?? ''}-${month ?? ''}-${day ?? ''}T${hour ?? ''}:${minute ?? ''}:${second ?? ''}Z`,
  );
  const end = signedAt + Number(query.get('X-Amz-Expires')) * 1000;
  if (Number.isNaN(end)) throw new Error('a URL without X-Amz-Date or X-Amz-Expires');
  return end;
}
