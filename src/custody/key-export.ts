import { Type, type Static } from 'typebox';
import { Check, Errors } from 'typebox/value';
import { SealslotError } from '../errors.ts';
import { UPLOAD_METHODS, type Upload } from '../uploads/upload.ts';
import { CustomerKey } from './customer-key.ts';

const FORMAT = 'sealslot-keys';
const VERSION = 1;
/** Room for a slot with every text at its longest and escaped. A missing line feed must not fill the memory. */
const LONGEST_LINE = 65_536;

/** A file of keys that cannot be read, or not to its end. The detail never quotes it. */
export class KeyFileInvalid extends SealslotError {
  readonly code = 'key_file_invalid';
}

/** One generation of a slot's key, in the clear, with all that the slot is made anew from. */
export interface ExportedKey {
  readonly slot: Omit<Upload, 'generation' | 'nextGeneration' | 'versionId' | 'deletedAt' | 'forgottenAt'>;
  readonly generation: number;
  /** The object version that it opens. */
  readonly versionId: string | null;
  /** `next` is what a re-key under way moves the object to. */
  readonly standing: Standing;
  readonly key: CustomerKey;
}

export const STANDINGS = ['current', 'next', 'superseded'] as const;
export type Standing = (typeof STANDINGS)[number];

/** What the last line says. */
export interface KeyFileEnd {
  readonly keys: number;
  readonly slots: number;
  /** How many keys are not in the file because they did not open. */
  readonly failed: number;
}

/** A line of a key, counted from 1, or what is wrong with it. */
export type KeyFileItem = { readonly line: number } & (
  { readonly exported: ExportedKey } | { readonly problem: string }
);

const text = Type.String({ minLength: 1 });
const whole = (minimum: number, maximum: number = Number.MAX_SAFE_INTEGER) =>
  Type.Integer({ minimum, maximum });
const time = Type.String({ pattern: String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$` });

const mismatched = Type.Union([Type.String(), Type.Number(), Type.Null()]);

/** As written. What is null in the store is left out; members that a later version adds are passed over. */
const Line = Type.Object({
  bucket: text,
  objectKey: text,
  customerKey: Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' }),
  tenant: text,
  slot: Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' }),
  generation: whole(1, 0xffff_ffff),
  versionId: Type.Optional(Type.String()),
  isCurrent: Type.Boolean(),
  isNext: Type.Optional(Type.Boolean()),
  target: text,
  // A deleted slot has no key.
  state: Type.Enum(['issued', 'uploaded', 'rejected', 'expired', 'deleting']),
  filename: Type.Optional(Type.String()),
  contentType: Type.String(),
  size: whole(0),
  sha256: Type.Optional(Type.String()),
  crc32c: Type.Optional(Type.String()),
  crc64nvme: Type.Optional(Type.String()),
  method: Type.Optional(Type.Enum([...UPLOAD_METHODS])),
  partSize: Type.Optional(whole(1)),
  multipartUploadId: Type.Optional(Type.String()),
  metadata: Type.Record(Type.String(), Type.String()),
  principal: text,
  expiresInSeconds: whole(0),
  createdAt: time,
  expiresAt: time,
  urlEndsAt: time,
  uploadedAt: Type.Optional(time),
  etag: Type.Optional(Type.String()),
  mismatches: Type.Optional(
    Type.Array(Type.Object({ field: Type.String(), expected: mismatched, actual: mismatched })),
  ),
  deletingAt: Type.Optional(time),
  nextCheckAt: Type.Optional(time),
});
type Line = Static<typeof Line>;

const Header = Type.Object({ format: Type.Literal(FORMAT), version: Type.Literal(VERSION) });
const End = Type.Object({ end: Type.Literal(true), keys: whole(0), slots: whole(0), failed: whole(0) });

/** @param createdAt milliseconds since the epoch. */
export function headerLine(createdAt: number): string {
  return toLine({ format: FORMAT, version: VERSION, createdAt: toTime(createdAt) });
}

export function endLine({ keys, slots, failed }: KeyFileEnd): string {
  return toLine({ end: true, keys, slots, failed });
}

/** Bucket, object key and customer key come first, as the rows that `sealslot import` takes have them. */
export function keyLine({ slot, generation, versionId, standing, key }: ExportedKey): string {
  const line: Line = {
    bucket: slot.bucket,
    objectKey: slot.objectKey,
    customerKey: key.bytes().toString('base64'),
    tenant: slot.tenant,
    slot: slot.id,
    generation,
    ...(versionId !== null && { versionId }),
    isCurrent: standing === 'current',
    ...(standing === 'next' && { isNext: true }),
    target: slot.target,
    state: slot.state as Line['state'],
    ...(slot.filename !== null && { filename: slot.filename }),
    contentType: slot.contentType,
    size: slot.size,
    ...(slot.sha256 !== null && { sha256: slot.sha256 }),
    ...(slot.crc32c !== null && { crc32c: slot.crc32c }),
    ...(slot.crc64nvme !== null && { crc64nvme: slot.crc64nvme }),
    ...(slot.method !== 'PUT' && { method: slot.method }),
    ...(slot.partSize !== null && { partSize: slot.partSize }),
    ...(slot.multipartUploadId !== null && { multipartUploadId: slot.multipartUploadId }),
    metadata: slot.metadata,
    principal: slot.principal,
    expiresInSeconds: slot.expiresInSeconds,
    createdAt: toTime(slot.createdAt),
    expiresAt: toTime(slot.expiresAt),
    urlEndsAt: toTime(slot.urlEndsAt),
    ...(slot.uploadedAt !== null && { uploadedAt: toTime(slot.uploadedAt) }),
    ...(slot.etag !== null && { etag: slot.etag }),
    ...(slot.mismatches !== null && { mismatches: [...slot.mismatches] }),
    ...(slot.deletingAt !== null && { deletingAt: toTime(slot.deletingAt) }),
    ...(slot.nextCheckAt !== null && { nextCheckAt: toTime(slot.nextCheckAt) }),
  };
  return toLine(line);
}

/**
 * Reads what the functions above wrote, a line at a time; its last value is the end line.
 * @throws KeyFileInvalid for another format, for a file that is cut short or goes on behind its end; what came before has been yielded.
 */
export async function* readKeyFile(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<KeyFileItem, KeyFileEnd> {
  let line = 0;
  let end: KeyFileEnd | undefined;
  for await (const written of linesOf(bytes)) {
    line += 1;
    const value = parseJson(written);
    if (end !== undefined) throw new KeyFileInvalid('The file of keys goes on behind its end line.');
    if (line === 1) checkHeader(value);
    else if (Check(End, value)) end = { keys: value.keys, slots: value.slots, failed: value.failed };
    else yield { line, ...readLine(value) };
  }
  if (end === undefined) {
    throw new KeyFileInvalid('The file of keys is cut short: it has no end line. What came before is good.');
  }
  if (end.keys !== line - 2) {
    throw new KeyFileInvalid(`The file of keys has ${line - 2} keys, and its end line says ${end.keys}.`);
  }
  return end;
}

function checkHeader(value: unknown): void {
  if (Check(Header, value)) return;
  throw new KeyFileInvalid(
    `It is not a file of keys that this version reads (${FORMAT}, version ${VERSION}).`,
  );
}

function readLine(value: unknown): { exported: ExportedKey } | { problem: string } {
  if (!Check(Line, value)) {
    const wrong = Errors(Line, value)[0]?.instancePath.split('/')[1];
    return {
      problem: wrong === undefined ? 'it is not a line of a key' : `its ${wrong} is not as it must be`,
    };
  }
  const bytes = Buffer.from(value.customerKey, 'base64');
  // The last letter may hold bits that count for nothing; encoding back shows them.
  if (bytes.toString('base64') !== value.customerKey)
    return { problem: 'its customerKey is not as it must be' };
  const times = [value.createdAt, value.expiresAt, value.urlEndsAt, value.uploadedAt, value.deletingAt];
  if ([...times, value.nextCheckAt].some((at) => at !== undefined && Number.isNaN(Date.parse(at)))) {
    return { problem: 'one of its times is none' };
  }
  const { generation, versionId, isCurrent, isNext } = value;
  const standing: Standing = isCurrent ? 'current' : isNext === true ? 'next' : 'superseded';
  const key = CustomerKey.fromBytes(bytes);
  return { exported: { slot: slotOf(value), generation, versionId: versionId ?? null, standing, key } };
}

function slotOf(line: Line): ExportedKey['slot'] {
  const optionalTime = (at: string | undefined): number | null => (at === undefined ? null : Date.parse(at));
  return {
    id: line.slot,
    tenant: line.tenant,
    principal: line.principal,
    state: line.state,
    target: line.target,
    bucket: line.bucket,
    objectKey: line.objectKey,
    filename: line.filename ?? null,
    contentType: line.contentType,
    size: line.size,
    sha256: line.sha256 ?? null,
    crc32c: line.crc32c ?? null,
    crc64nvme: line.crc64nvme ?? null,
    method: line.method ?? 'PUT',
    partSize: line.partSize ?? null,
    multipartUploadId: line.multipartUploadId ?? null,
    metadata: line.metadata,
    expiresInSeconds: line.expiresInSeconds,
    createdAt: Date.parse(line.createdAt),
    expiresAt: Date.parse(line.expiresAt),
    urlEndsAt: Date.parse(line.urlEndsAt),
    uploadedAt: optionalTime(line.uploadedAt),
    etag: line.etag ?? null,
    mismatches: line.mismatches ?? null,
    deletingAt: optionalTime(line.deletingAt),
    nextCheckAt: optionalTime(line.nextCheckAt),
  };
}

/** Split at line feeds only: within JSON, other separators may stand raw. Every line ends with one. */
async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let open = '';
  for await (const chunk of bytes) {
    const lines = (open + decode(decoder, chunk)).split('\n');
    open = lines.pop() ?? '';
    yield* lines;
    if (open.length > LONGEST_LINE) throw new KeyFileInvalid('The file of keys has a line that is too long.');
  }
  if (open !== '')
    throw new KeyFileInvalid('The file of keys is cut short within a line. What came before is good.');
}

function decode(decoder: TextDecoder, chunk: Uint8Array): string {
  try {
    return decoder.decode(chunk, { stream: true });
  } catch {
    throw new KeyFileInvalid('The file of keys is not UTF-8.');
  }
}

function parseJson(written: string): unknown {
  try {
    return JSON.parse(written);
  } catch {
    // The parser's error quotes the text.
    return undefined;
  }
}

const toLine = (value: object): string => `${JSON.stringify(value)}\n`;
const toTime = (at: number): string => new Date(at).toISOString();
