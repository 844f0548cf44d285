import { createHash } from 'node:crypto';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import type { Send, WireAnswer, WireRequest } from './support-clients.ts';
import { randomBody, type Service, type Slot } from './support-service.ts';

export const SSE = 'x-amz-server-side-encryption-customer';
export const KEY = `${SSE}-key`;

export interface Row {
  readonly name: string;
  /** What a cell must say, where servers agree or one by one. */
  readonly expected: string | Readonly<Record<'minio' | 'seaweedfs', string>>;
  /** @returns what was seen, as the table shows it. */
  readonly run: (service: Service, send: Send) => Promise<string>;
}

/** A slot that has all that can be signed, and the body that fits it. */
export async function slotOf(service: Service, more: object = {}): Promise<{ slot: Slot; put: WireRequest }> {
  const body = randomBody();
  const slot = await service.create({
    filename: 'a file.bin',
    contentType: 'text/plain; charset=utf-8',
    size: body.length,
    sha256: createHash('sha256').update(body).digest('base64'),
    metadata: { case: 'matrix' },
    ...more,
  });
  const { method, url, headers } = slot.request;
  return { slot, put: { method, url, headers, body } };
}

/**
 * What S3 said, and what `complete` then makes of it. A refused PUT must leave nothing (`not_arrived`); what a server lets through
 * must be caught, or the row says that it is not.
 */
export async function cell(service: Service, slot: Slot, answer: WireAnswer): Promise<string> {
  const complete = await service.post(`/${slot.id}/complete`);
  if (answer.status >= 400 && complete.body?.code === 'not_arrived') return String(answer.status);
  const fields =
    (complete.body?.mismatches as { field: string }[] | undefined)?.map(({ field }) => field) ?? [];
  return [`${answer.status}, then ${complete.status}`, ...fields].join(' ');
}

export type Change = (put: WireRequest) => WireRequest;

export function putRow(name: string, expected: Row['expected'], change: Change, more?: object): Row {
  return {
    name: `PUT ${name}`,
    expected,
    async run(service, send) {
      const { slot, put } = await slotOf(service, more);
      return cell(service, slot, await send(change(put)));
    },
  };
}

export const withHeaders = (put: WireRequest, headers: Record<string, string>): WireRequest => ({
  ...put,
  headers: { ...put.headers, ...headers },
});

export const without =
  (name: string): Change =>
  (put) => ({ ...put, headers: Object.fromEntries(Object.entries(put.headers).filter(([n]) => n !== name)) });

export const set =
  (name: string, value: string): Change =>
  (put) =>
    withHeaders(put, { [name]: value });

export const otherBody =
  (make: (body: Buffer) => Buffer): Change =>
  (put) => ({ ...put, body: make(put.body!) });

/** A well-formed key that is nobody's. */
export const other = CustomerKey.generate();
