import { SCOPES } from '../../../access/principal.ts';
import type { Mismatch } from '../../../errors.ts';
import { UPLOAD_METHODS, UPLOAD_STATES, type Upload } from '../../../uploads/upload.ts';
import type { ApiKeyRecord, IdempotencyRecord } from '../../port.ts';

/** What the columns of both databases hold. Of a whole number beyond 2^53-1 no adapter makes a `number`. */
export type Value = string | number | bigint | Uint8Array | null;

/** By column name. */
export type Row = Readonly<Record<string, Value>>;

/** By parameter name, which is mostly the column's. */
export type Values = Readonly<Record<string, Value>>;

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new TypeError(`column ${column} is no text`);
  return value;
}

export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new TypeError(`column ${column} is no integer`);
  return value;
}

export function bytes(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw new TypeError(`column ${column} is no blob`);
  return value;
}

export function orNull<T>(read: (row: Row, column: string) => T, row: Row, column: string): T | null {
  return row[column] === null ? null : read(row, column);
}

/** A column that holds one of a few words. */
export function word<const Word extends string>(row: Row, column: string, words: readonly Word[]): Word {
  const value = row[column];
  const found = words.find((known) => known === value);
  if (found === undefined) throw new TypeError(`column ${column} holds an unknown word`);
  return found;
}

export function toUpload(row: Row): Upload {
  return {
    id: text(row, 'id'),
    tenant: text(row, 'tenant'),
    principal: text(row, 'principal'),
    state: word(row, 'state', UPLOAD_STATES),
    target: text(row, 'target'),
    bucket: text(row, 'bucket'),
    objectKey: text(row, 'object_key'),
    filename: orNull(text, row, 'filename'),
    contentType: text(row, 'content_type'),
    size: integer(row, 'size'),
    sha256: orNull(text, row, 'sha256'),
    crc32c: orNull(text, row, 'crc32c'),
    crc64nvme: orNull(text, row, 'crc64nvme'),
    method: word(row, 'method', UPLOAD_METHODS),
    partSize: orNull(integer, row, 'part_size'),
    multipartUploadId: orNull(text, row, 'multipart_upload_id'),
    metadata: JSON.parse(text(row, 'metadata')) as Record<string, string>,
    expiresInSeconds: integer(row, 'expires_in_seconds'),
    createdAt: integer(row, 'created_at'),
    expiresAt: integer(row, 'expires_at'),
    urlEndsAt: integer(row, 'url_ends_at'),
    uploadedAt: orNull(integer, row, 'uploaded_at'),
    etag: orNull(text, row, 'etag'),
    versionId: orNull(text, row, 'version_id'),
    mismatches: orNull(toMismatches, row, 'mismatches'),
    generation: integer(row, 'generation'),
    nextGeneration: orNull(integer, row, 'next_generation'),
    deletingAt: orNull(integer, row, 'deleting_at'),
    deletedAt: orNull(integer, row, 'deleted_at'),
    forgottenAt: orNull(integer, row, 'forgotten_at'),
    nextCheckAt: orNull(integer, row, 'next_check_at'),
  };
}

function toMismatches(row: Row, column: string): readonly Mismatch[] {
  return JSON.parse(text(row, column)) as Mismatch[];
}

/**
 * By column name, for an INSERT with named parameters.
 * @param idempotencyId the number of the record that the slot was made with.
 * @param chargedTo the principal that it counts for.
 */
export function fromUpload(
  upload: Upload,
  idempotencyId: number | null = null,
  chargedTo: string = upload.principal,
): Values {
  return {
    id: upload.id,
    tenant: upload.tenant,
    principal: upload.principal,
    state: upload.state,
    target: upload.target,
    bucket: upload.bucket,
    object_key: upload.objectKey,
    filename: upload.filename,
    content_type: upload.contentType,
    size: upload.size,
    sha256: upload.sha256,
    crc32c: upload.crc32c,
    crc64nvme: upload.crc64nvme,
    method: upload.method,
    part_size: upload.partSize,
    multipart_upload_id: upload.multipartUploadId,
    metadata: JSON.stringify(upload.metadata),
    expires_in_seconds: upload.expiresInSeconds,
    created_at: upload.createdAt,
    expires_at: upload.expiresAt,
    url_ends_at: upload.urlEndsAt,
    uploaded_at: upload.uploadedAt,
    etag: upload.etag,
    version_id: upload.versionId,
    mismatches: fromMismatches(upload.mismatches),
    generation: upload.generation,
    next_generation: upload.nextGeneration,
    deleting_at: upload.deletingAt,
    deleted_at: upload.deletedAt,
    forgotten_at: upload.forgottenAt,
    next_check_at: upload.nextCheckAt,
    idempotency_id: idempotencyId,
    charged_to: chargedTo,
  };
}

export function fromMismatches(mismatches: readonly Mismatch[] | null): string | null {
  return mismatches && JSON.stringify(mismatches);
}

export function toIdempotencyRecord(row: Row): IdempotencyRecord {
  return {
    tenant: text(row, 'tenant'),
    principal: text(row, 'principal'),
    key: text(row, 'key'),
    requestHash: bytes(row, 'request_hash'),
    uploadIds: text(row, 'upload_ids').split(' '),
    expiresAt: integer(row, 'expires_at'),
  };
}

export function toApiKey(row: Row): ApiKeyRecord {
  const scopes = text(row, 'scopes').split(' ');
  return {
    id: text(row, 'id'),
    tenant: text(row, 'tenant'),
    name: text(row, 'name'),
    // A scope this version does not know grants nothing.
    scopes: SCOPES.filter((scope) => scopes.includes(scope)),
    secretHash: bytes(row, 'secret_hash'),
    createdAt: integer(row, 'created_at'),
    expiresAt: orNull(integer, row, 'expires_at'),
    revokedAt: orNull(integer, row, 'revoked_at'),
    lastUsedAt: orNull(integer, row, 'last_used_at'),
  };
}
