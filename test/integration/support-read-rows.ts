import type { S3Target } from '../../src/s3/port.ts';
import {
  cell,
  KEY,
  other,
  set,
  slotOf,
  withHeaders,
  without,
  type Change,
  type Row,
} from './support-cells.ts';
import type { Send, WireRequest } from './support-clients.ts';
import type { Service, Slot } from './support-service.ts';

async function uploaded(service: Service, send: Send): Promise<{ slot: Slot; body: Buffer }> {
  const { slot, put } = await slotOf(service);
  const seen = await cell(service, slot, await send(put));
  if (seen !== '200, then 200') throw new Error(`the upload before the download was answered ${seen}`);
  return { slot, body: put.body! };
}

/** A download as the service gives it; `wanted` is the part of the body it should bring. */
function downloadRow(
  name: string,
  expected: Row['expected'],
  ask: object,
  wanted: (body: Buffer) => Buffer,
  change: Change = (request) => request,
): Row {
  return {
    name: `download ${name}`,
    expected,
    async run(service, send) {
      const { slot, body } = await uploaded(service, send);
      const { method, url, headers } = (await service.post(`/${slot.id}/download`, ask)).body as WireRequest;
      const answer = await send(change({ method, url, headers }));
      if (answer.status >= 400) return String(answer.status);
      return `${answer.status}, ${answer.body.equals(wanted(body)) ? 'the bytes' : 'other bytes'}`;
    },
  };
}

const whole = (body: Buffer): Buffer => body;
const downloads: Row[] = [
  downloadRow('as given', '200, the bytes', {}, whole),
  downloadRow('of a range', '206, the bytes', { range: 'bytes=10-19' }, (body) => body.subarray(10, 20)),
  downloadRow('with another range', '403', { range: 'bytes=10-19' }, whole, set('range', 'bytes=0-999')),
  downloadRow('without the key', { minio: '400', seaweedfs: '403' }, {}, whole, without(KEY)),
  downloadRow('with another key', '403', {}, whole, (get) => withHeaders(get, { ...other.headers() })),
];

type KeyChoice = 'its key' | 'no key' | 'another key';

/** S3's own word, past the signature: signed with the full credentials for just these headers. */
function readRow(method: 'GET' | 'HEAD', choice: KeyChoice, expected: Row['expected']): Row {
  return {
    name: `${method} signed with ${choice}`,
    expected,
    async run(service, send) {
      const { slot } = await uploaded(service, send);
      const own = await service.harness.customerKey('acme', slot.id);
      const headers = {
        'its key': { ...own.headers() },
        'no key': {},
        'another key': { ...other.headers() },
      }[choice];
      const url = await presignRead(service.direct, method, slot, headers);
      return String((await send({ method, url, headers })).status);
    },
  };
}

async function presignRead(
  target: S3Target,
  method: 'GET' | 'HEAD',
  { bucket, objectKey }: Slot,
  headers: Record<string, string>,
): Promise<string> {
  const window = await target.presigner.open(60, Date.now());
  return window.sign({ method, bucket, objectKey, headers });
}

const reads: Row[] = (['GET', 'HEAD'] as const).flatMap((method) => [
  readRow(method, 'its key', '200'),
  readRow(method, 'no key', '400'),
  readRow(method, 'another key', '403'),
]);

export const READ_ROWS: readonly Row[] = [...downloads, ...reads];
