import type { Grant } from '../access/grant.ts';
import { rfc3339 } from '../rfc3339.ts';
import type { GetRequest } from '../uploads/download.ts';
import type { PartRequest } from '../uploads/parts.ts';
import { isRekeying } from '../uploads/rekey/lease.ts';
import type { UploadRequest } from '../uploads/request.ts';
import { stateAt, type Upload } from '../uploads/upload.ts';

/** A slot as the API shows it. Key material only ever comes in by `request`. */
export function presentSlot(upload: Upload, now: number, request?: UploadRequest): Record<string, unknown> {
  return {
    id: upload.id,
    state: stateAt(upload, now),
    bucket: upload.bucket,
    objectKey: upload.objectKey,
    filename: upload.filename ?? undefined,
    contentType: upload.contentType,
    size: upload.size,
    sha256: upload.sha256 ?? undefined,
    crc32c: upload.crc32c ?? undefined,
    crc64nvme: upload.crc64nvme ?? undefined,
    method: upload.method,
    partSize: upload.partSize ?? undefined,
    metadata: upload.metadata,
    createdAt: rfc3339(upload.createdAt),
    expiresAt: rfc3339(upload.expiresAt),
    uploadedAt: upload.uploadedAt === null ? undefined : rfc3339(upload.uploadedAt),
    etag: upload.etag ?? undefined,
    versionId: upload.versionId ?? undefined,
    mismatches: upload.mismatches ?? undefined,
    keyGeneration: upload.generation,
    rekeying: isRekeying(upload) || undefined,
    request: request && presentRequest(request),
  };
}

/** A grant as the API shows it; its token is none of it. */
export function presentGrant(grant: Grant): Record<string, unknown> {
  return {
    id: grant.id,
    count: grant.count,
    used: grant.used,
    maxSizeBytes: grant.maxSizeBytes ?? undefined,
    contentTypes: grant.contentTypes ?? undefined,
    methods: grant.methods ?? undefined,
    prefix: grant.prefix ?? undefined,
    metadata: Object.keys(grant.metadata).length === 0 ? undefined : grant.metadata,
    createdBy: grant.createdBy,
    createdAt: rfc3339(grant.createdAt),
    expiresAt: rfc3339(grant.expiresAt),
    revokedAt: grant.revokedAt === null ? undefined : rfc3339(grant.revokedAt),
  };
}

export function presentPart({ partNumber, size, ...request }: PartRequest): Record<string, unknown> {
  return { partNumber, size, method: 'PUT', ...request, expiresAt: rfc3339(request.expiresAt) };
}

export function presentRequest(request: UploadRequest | GetRequest): Record<string, unknown> {
  return { ...request, expiresAt: rfc3339(request.expiresAt) };
}
