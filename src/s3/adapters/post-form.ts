import { FormRefused } from '../form-refused.ts';
import { objectUrl } from '../object-url.ts';
import type { FormRequest, PresignedForm } from '../port.ts';
import { getSignature, getSignerFields } from '../sigv4.ts';
import type { Signing, SigningTarget } from './signing.ts';

/** What S3 puts the uploaded file's name in place of: in the object key, and on AWS "recognized by all form fields". */
const VARIABLE = '${filename}';

/** AWS: "The form data and boundaries (excluding the contents of the file) cannot exceed 20KB." */
const MAX_BYTES = 20_000;
/** `--` boundary CRLF, `Content-Disposition: form-data; name=""` CRLF CRLF, and CRLF after the value; a boundary has at most 70 characters. */
const BYTES_PER_FIELD = 2 + 70 + 2 + 'Content-Disposition: form-data; name=""'.length + 4 + 2;
/** The head of the file's part (a filename of 255 bytes, percent-encoded where it holds quotes; a type), and the last boundary. */
const BYTES_AROUND_FILE = 1_024;

/**
 * Signs a POST policy that allows exactly these fields with exactly these values, and a file of exactly this size. The policy holds its
 * end in whole seconds of S3's clock, just as a presigned URL does.
 * @throws FormRefused, without a value in its message.
 */
export function signForm(
  target: SigningTarget,
  { credentials, signedAt, longDate, scope, signingKey }: Signing,
  seconds: number,
  request: FormRequest,
): PresignedForm {
  refuseVariables(request);
  const bound = {
    ...request.fields,
    bucket: request.bucket,
    ...getSignerFields(credentials, scope, longDate),
    key: request.objectKey,
  };
  const policy = createPolicy(signedAt + seconds * 1000, [
    ['content-length-range', request.size, request.size],
    ...Object.entries(bound).map(([name, value]) => ({ [name]: value })),
  ]);
  const fields = { ...bound, Policy: policy, 'X-Amz-Signature': getSignature(signingKey, policy) };
  refuseTooLarge(fields);
  return { url: bucketUrl(target, request.bucket), fields };
}

/** In base64, which is what is signed. */
function createPolicy(endsAt: number, conditions: readonly unknown[]): string {
  const expiration = new Date(endsAt).toISOString().replace(/\.\d{3}/, '');
  return Buffer.from(JSON.stringify({ expiration, conditions })).toString('base64');
}

/** Put in before S3 compares with the policy, the name makes a form that nobody can send; after it, an object under an object key that nobody stored. */
function refuseVariables({ objectKey, fields }: FormRequest): void {
  for (const [name, value] of Object.entries({ ...fields, key: objectKey })) {
    if (value.includes(VARIABLE)) {
      throw new FormRefused('variable', `The form field ${name} must not hold ${VARIABLE}.`);
    }
  }
}

function refuseTooLarge(fields: Readonly<Record<string, string>>): void {
  const bytes = Object.entries(fields).reduce(
    (sum, [name, value]) => sum + BYTES_PER_FIELD + Buffer.byteLength(name) + Buffer.byteLength(value),
    BYTES_AROUND_FILE,
  );
  if (bytes > MAX_BYTES) {
    throw new FormRefused(
      'too_large',
      `The form has ${bytes} bytes beside its file, and S3 takes ${MAX_BYTES}.`,
    );
  }
}

function bucketUrl({ publicEndpoint, pathStyle }: SigningTarget, bucket: string): string {
  const { protocol, host, path } = objectUrl(publicEndpoint, pathStyle, bucket, '');
  return `${protocol}//${host}${path}`;
}
