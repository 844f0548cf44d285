import assert from 'node:assert/strict';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import type { UploadRequest } from '../../../src/uploads/request.ts';
import { listParts, requestParts, type PartRequest } from '../../../src/uploads/parts.ts';
import { partCountOf } from '../../../src/uploads/part-sizes.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import { findLiveUpload } from '../../../src/uploads/find.ts';
import { MARGIN } from './life.ts';
import type { Body, Handed, Slot } from './truth.ts';
import type { World } from './world.ts';

const KEY = 'x-amz-server-side-encryption-customer-key';

/** Notes what a client was given. */
export function handOut(world: World, upload: Upload, request: UploadRequest | undefined): void {
  const { id, objectKey, method, size, contentType } = upload;
  let slot = world.slots.find((one) => one.id === id);
  if (slot === undefined) {
    slot = {
      ...{ id, objectKey, method, size, contentType, state: upload.state },
      handed: [],
      keyMd5: undefined,
      destroyedAt: undefined,
      isPurged: false,
      wasRight: false,
    };
    world.slots.push(slot);
  }
  if (request === undefined || request.method === 'multipart') return;
  assert.equal(request.method, method, 'the method is never changed');
  const fields = request.method === 'PUT' ? request.headers : request.fields;
  note(slot, {
    endsAt: request.expiresAt,
    key: keyIn(fields),
    tags: request.method === 'PUT' ? ofQuery(fields['x-amz-tagging']) : ofXml(fields['tagging']),
  });
}

const keyIn = (headers: Readonly<Record<string, string>>): CustomerKey =>
  CustomerKey.fromBytes(Buffer.from(headers[KEY] ?? '', 'base64'));

function note(slot: Slot, handed: Handed): void {
  slot.keyMd5 ??= handed.key.md5();
  assert.equal(handed.key.md5(), slot.keyMd5, `${slot.id} is given another key`);
  slot.handed.push(handed);
}

const ofQuery = (text = ''): Record<string, string> => Object.fromEntries(new URLSearchParams(text));

function ofXml(text = ''): Record<string, string> {
  const plain = (part: string) =>
    part.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
  const tags = text.matchAll(/<Key>([^<]*)<\/Key><Value>([^<]*)<\/Value>/g);
  return Object.fromEntries([...tags].map(([, name = '', value = '']) => [plain(name), plain(value)]));
}

/** Parts are asked for; all that are there are sent at once unless `isLate`. */
export async function sendParts(
  world: World,
  slot: Slot,
  { which, isRight, isLate }: { which: readonly number[] | 'missing'; isRight: boolean; isLate: boolean },
): Promise<void> {
  const asked = await world.ask(async () => {
    const upload = await findLiveUpload(world.life.services, world.as('maker'), slot.id);
    const count = partCountOf(upload);
    const all = Array.from({ length: count }, (_, index) => index + 1);
    const there = which === 'missing' ? await listParts(world.life.services, upload) : [];
    const missing = all.filter((number) => !there.some(({ partNumber }) => partNumber === number));
    const chosen = all.filter((number) => (which === 'missing' ? missing : which).includes(number));
    const partNumbers = chosen.length > 0 ? chosen : all;
    const checksums = Object.fromEntries(partNumbers.map((number) => [number, 'AAAAAA==']));
    const ask = { partNumbers, ...(upload.crc32c !== null && { checksums }) };
    return requestParts(world.life.services, world.as('maker'), upload, ask);
  });
  if (!('value' in asked)) return;
  for (const request of asked.value) {
    const handed = handedPart(request);
    note(slot, handed);
    const body = { slot, handed, isRight };
    if (isLate) world.bodies.push(body);
    else land(world, body);
  }
}

function handedPart({ partNumber, size, url, headers, expiresAt }: PartRequest): Handed {
  const uploadId = new URL(url).searchParams.get('uploadId') ?? '';
  return {
    endsAt: expiresAt,
    key: keyIn(headers),
    tags: {},
    part: { uploadId, partNumber, size },
  };
}

/** A body whose sending began in time comes to its end, if it still can. */
export function land({ s3, clock, life }: World, { slot, handed, isRight }: Body): void {
  if (clock.now >= handed.endsAt + MARGIN) return;
  const { objectKey, size, contentType } = slot;
  if (handed.part !== undefined) {
    const { uploadId, partNumber, size: partSize } = handed.part;
    if (!s3.uploads.has(uploadId)) return;
    s3.putPart(uploadId, { partNumber, size: isRight ? partSize : partSize + 1 });
    return;
  }
  const { bucket } = Object.values(life.services.config.tenants)[0] ?? { bucket: 'uploads' };
  // The URL binds If-None-Match; a form binds nothing of the kind.
  if (slot.method === 'PUT' && s3.shelf.find({ bucket, objectKey, versionId: null }) !== undefined) return;
  // What S3 does not force to be signed.
  const contentEncoding = isRight ? null : 'gzip';
  s3.put(objectKey, handed.key, { size, contentType, contentEncoding }, { bucket, tags: handed.tags });
  if (isRight) slot.wasRight = true;
}
