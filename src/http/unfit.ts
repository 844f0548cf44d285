import { filenameProblem } from '../access/object-key.ts';
import type { FieldError } from '../errors.ts';
import type { CreateUpload } from './schemas.ts';

const METADATA_BYTES = 2048;
/** MinIO acts upon these: it unpacks an archive that is called so into object keys of the uploader's choice. */
const ACTED_UPON = /^(snowball|minio|amz)-/;
const CHECKSUMS = ['sha256', 'crc32c', 'crc64nvme'] as const;

/** What a JSON schema cannot say of an upload: bytes, well-formed Unicode, what does not go together. */
export function unfit(ask: CreateUpload): FieldError[] {
  const errors: FieldError[] = [];
  const filename = ask.filename === undefined ? undefined : filenameProblem(ask.filename);
  if (filename !== undefined) errors.push({ path: '/filename', message: filename });
  const bytes = Object.entries(ask.metadata ?? {}).reduce(
    (sum, [name, value]) => sum + name.length + value.length,
    0,
  );
  if (bytes > METADATA_BYTES) {
    errors.push({
      path: '/metadata',
      message: `must have at most ${METADATA_BYTES} bytes in all, has ${bytes}`,
    });
  }
  for (const name of Object.keys(ask.metadata ?? {}).filter((each) => ACTED_UPON.test(each)))
    errors.push({ path: `/metadata/${name}`, message: 'must not begin with snowball-, minio- or amz-' });
  const [first, ...others] = CHECKSUMS.filter((name) => ask[name] !== undefined);
  for (const name of others) {
    errors.push({ path: `/${name}`, message: `must not be given beside ${first}: S3 takes one checksum` });
  }
  if (ask.method === 'POST') {
    const texts = {
      '/contentType': ask.contentType,
      '/metadata': Object.values(ask.metadata ?? {}).join('\n'),
    };
    for (const [path, text] of Object.entries(texts)) {
      if (text.includes('${filename}'))
        errors.push({ path, message: 'must not hold ${filename}: S3 replaces it in forms' });
    }
  }
  return errors;
}
