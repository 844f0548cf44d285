import type { CustomerKey } from '../../../src/custody/customer-key.ts';
import { ObjectRefused } from '../../../src/s3/errors.ts';
import type {
  ObjectContent,
  ObjectHeaders,
  ObjectVersion,
  OpenedObject,
  Written,
} from '../../../src/s3/port.ts';
import type { FakeObjectStore } from '../fake-s3.ts';
import type { FakeVersion } from './shelf.ts';

type Source = ObjectVersion & { size: number; etag: string | null };

export function fakeContent(s3: FakeObjectStore): ObjectContent {
  return {
    read: (object, key, signal) =>
      s3.called('read', object, () => {
        signal.throwIfAborted();
        const { bytes, facts } = find(s3, object, key);
        return chunks(bytes ?? Buffer.alloc(facts.size), signal);
      }),
    open: (object, key, ask, signal) => s3.called('open', object, () => open(s3, object, key, ask, signal)),
    copy: (from, keys, headers, signal) =>
      s3.called('copy', from, () =>
        s3.copyUnsupported
          ? ({ kind: 'unsupported', code: 'NotImplemented' } as const)
          : rewrite(s3, from, keys, headers, signal),
      ),
    stream: (from, keys, headers, signal) =>
      s3.called('stream', from, () => rewrite(s3, from, keys, headers, signal)),
  };
}

function find(s3: FakeObjectStore, object: ObjectVersion, key: CustomerKey): FakeVersion {
  const found = s3.shelf.find(object);
  if (found === undefined) throw new ObjectRefused(404, 'NoSuchKey');
  if (found.keyMd5 !== key.md5()) throw new ObjectRefused(403, 'AccessDenied');
  return found;
}

function rewrite(
  s3: FakeObjectStore,
  from: Source,
  keys: { from: CustomerKey; to: CustomerKey },
  headers: ObjectHeaders,
  signal: AbortSignal,
): Written {
  signal.throwIfAborted();
  const source = find(s3, from, keys.from);
  provePinned(source, from.etag);
  const { contentType, metadata, tags } = headers;
  const { size, sha256 } = source.facts;
  const { bucket, bytes, modifiedAt } = source;
  const { facts } = s3.put(
    from.objectKey,
    keys.to,
    { contentType, metadata, size, sha256 },
    { bucket, bytes, modifiedAt, tags },
  );
  return { kind: 'written', etag: facts.etag, versionId: facts.versionId };
}

function provePinned({ facts }: FakeVersion, etag: string | null): void {
  if (etag !== null && etag !== facts.etag) throw new ObjectRefused(412, 'PreconditionFailed');
}

type Asked = Parameters<ObjectContent['open']>;

/** As AWS answers: of several ranges, and of none that it understands, the whole. */
function open(
  s3: FakeObjectStore,
  object: Asked[0],
  key: CustomerKey,
  { method, range, ifNoneMatch }: Asked[2],
  signal: AbortSignal,
): OpenedObject {
  signal.throwIfAborted();
  const found = find(s3, object, key);
  provePinned(found, object.etag);
  const { etag, size } = found.facts;
  if (ifNoneMatch === '*' || (etag !== null && (ifNoneMatch ?? '').split(/, */).includes(etag))) {
    return { status: 304, etag };
  }
  const part = range === undefined ? undefined : partOf(range, size);
  if (part === 'unsatisfiable') return { status: 416, contentRange: `bytes */${size}` };
  const { first, last } = part ?? { first: 0, last: size - 1 };
  const bytes = (found.bytes ?? Buffer.alloc(size)).subarray(first, last + 1);
  return {
    status: part === undefined ? 200 : 206,
    size: last + 1 - first,
    contentRange: part === undefined ? null : `bytes ${first}-${last}/${size}`,
    etag,
    modifiedAt: found.modifiedAt,
    body: method === 'HEAD' ? undefined : chunks(bytes, signal),
  };
}

/** @returns undefined of what is not one range. */
function partOf(range: string, size: number): { first: number; last: number } | 'unsatisfiable' | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
  if (from === '' && to === '') return undefined;
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined;
  return first > last ? 'unsatisfiable' : { first, last };
}

const CHUNK_BYTES = 64 * 1024;

async function* chunks(bytes: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    signal.throwIfAborted();
    yield bytes.subarray(at, at + CHUNK_BYTES);
  }
}
