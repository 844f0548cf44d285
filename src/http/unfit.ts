import { metadataProblems } from '../access/metadata.ts';
import { filenameProblem } from '../access/object-key.ts';
import type { FieldError } from '../errors.ts';
import type { CreateUpload } from './schemas.ts';

const CHECKSUMS = ['sha256', 'crc32c', 'crc64nvme'] as const;

/** What a JSON schema cannot say of an upload: bytes, well-formed Unicode, what does not go together. */
export function unfit(ask: CreateUpload): FieldError[] {
  const errors: FieldError[] = [];
  const filename = ask.filename === undefined ? undefined : filenameProblem(ask.filename);
  if (filename !== undefined) errors.push({ path: '/filename', message: filename });
  errors.push(...metadataProblems(ask.metadata ?? {}));
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
