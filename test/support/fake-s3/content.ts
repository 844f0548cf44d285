import type { CustomerKey } from '../../../src/custody/customer-key.ts';
import { ObjectRefused } from '../../../src/s3/errors.ts';
import type { ObjectContent, ObjectHeaders, ObjectVersion, Written } from '../../../src/s3/port.ts';
import type { FakeObjectStore } from '../fake-s3.ts';
import type { FakeVersion } from './shelf.ts';

type Source = ObjectVersion & { size: number; etag: string | null };

export function fakeContent(s3: FakeObjectStore): ObjectContent {
  return {
    read: (object, key, signal) =>
      s3.called('read', object, () => {
        signal.throwIfAborted();
        const { bytes, facts } = open(s3, object, key);
        return chunks(bytes ?? Buffer.alloc(facts.size), signal);
      }),
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

function open(s3: FakeObjectStore, object: ObjectVersion, key: CustomerKey): FakeVersion {
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
  const source = open(s3, from, keys.from);
  if (from.etag !== null && from.etag !== source.facts.etag)
    throw new ObjectRefused(412, 'PreconditionFailed');
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

const CHUNK_BYTES = 64 * 1024;

async function* chunks(bytes: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    signal.throwIfAborted();
    yield bytes.subarray(at, at + CHUNK_BYTES);
  }
}
