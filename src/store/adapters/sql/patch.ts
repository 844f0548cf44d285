import type { UploadPatch, UploadStore } from '../../port.ts';
import { fromMismatches, type Values } from './rows.ts';

type Expected = NonNullable<Parameters<UploadStore['update']>[3]>;

/** By parameter of `UPDATE`: a nullable column has a flag that says whether it is patched. */
export function patchValues(patch: UploadPatch): Values {
  return {
    state: patch.state ?? null,
    url_ends_at: patch.urlEndsAt ?? null,
    ...optional('uploaded_at', patch.uploadedAt),
    ...optional('etag', patch.etag),
    ...optional('version_id', patch.versionId),
    ...optional('multipart_upload_id', patch.multipartUploadId),
    ...optional('mismatches', patch.mismatches && fromMismatches(patch.mismatches)),
    ...optional('deleting_at', patch.deletingAt),
    ...optional('next_check_at', patch.nextCheckAt),
  };
}

/** By parameter of `UPDATE`. */
export function expectedValues(expected: Expected): Values {
  return {
    ...optional('expected_next_check_at', expected.nextCheckAt),
    ...optional('expected_multipart_upload_id', expected.multipartUploadId),
  };
}

function optional(name: string, value: string | number | null | undefined): Values {
  return { [name]: value ?? null, [`has_${name}`]: value === undefined ? 0 : 1 };
}
