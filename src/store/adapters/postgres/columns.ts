/** Those of `uploads` that a slot is read from. Named, not `*`: a newer version may add one while this version's statements are prepared. */
const UPLOAD = [
  ...[
    'id',
    'tenant',
    'principal',
    'state',
    'target',
    'bucket',
    'object_key',
    'filename',
    'content_type',
    'size',
  ],
  ...[
    'sha256',
    'crc32c',
    'crc64nvme',
    'method',
    'part_size',
    'multipart_upload_id',
    'metadata',
    'expires_in_seconds',
  ],
  ...[
    'created_at',
    'expires_at',
    'url_ends_at',
    'uploaded_at',
    'etag',
    'version_id',
    'mismatches',
    'generation',
  ],
  ...['next_generation', 'deleting_at', 'deleted_at', 'forgotten_at', 'next_check_at'],
] as const;

/** For a SELECT or RETURNING that `toUpload` reads. @param alias of the table, where there is another one. */
export function uploadColumns(alias = 'uploads'): string {
  return UPLOAD.map((column) => `${alias}.${column}`).join(', ');
}
