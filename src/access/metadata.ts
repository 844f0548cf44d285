import type { FieldError } from '../errors.ts';

export const METADATA_BYTES = 2048;
/** MinIO acts upon these: it unpacks an archive that is called so into object keys of the uploader's choice. */
const ACTED_UPON = /^(snowball|minio|amz)-/;

type Metadata = Readonly<Record<string, string>>;

/** What a JSON schema cannot say of metadata. */
export function metadataProblems(metadata: Metadata): FieldError[] {
  const reserved = Object.keys(metadata)
    .filter((name) => ACTED_UPON.test(name))
    .map((name) => ({
      path: `/metadata/${name}`,
      message: 'must not begin with snowball-, minio- or amz-',
    }));
  return [...metadataSizeProblems(metadata), ...reserved];
}

/** @param whose added to the words, where not all of it was sent. */
export function metadataSizeProblems(metadata: Metadata, whose = ''): FieldError[] {
  // ASCII, so characters are bytes.
  const bytes = Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes <= METADATA_BYTES) return [];
  return [
    { path: '/metadata', message: `must have at most ${METADATA_BYTES} bytes in all${whose}, has ${bytes}` },
  ];
}
