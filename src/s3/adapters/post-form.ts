import { S3Client } from '@aws-sdk/client-s3';
import type { AwsCredentials } from '../credentials.ts';
import { FormRefused } from '../form-refused.ts';
import { objectUrl } from '../object-url.ts';
import type { FormRequest, PresignedForm } from '../port.ts';

/** What S3 puts the uploaded file's name in place of: in the object key, and on AWS "recognized by all form fields". */
const VARIABLE = '${filename}';

/** AWS: "The form data and boundaries (excluding the contents of the file) cannot exceed 20KB." */
const MAX_BYTES = 20_000;
/** `--` boundary CRLF, `Content-Disposition: form-data; name=""` CRLF CRLF, and CRLF after the value; a boundary has at most 70 characters. */
const BYTES_PER_FIELD = 2 + 70 + 2 + 'Content-Disposition: form-data; name=""'.length + 4 + 2;
/** The head of the file's part (a filename of 255 bytes, percent-encoded where it holds quotes; a type), and the last boundary. */
const BYTES_AROUND_FILE = 1_024;

export interface FormSigning {
  readonly target: { readonly publicEndpoint: URL; readonly region: string; readonly pathStyle: boolean };
  readonly credentials: AwsCredentials;
  /** The form ends this long after the signing date. */
  readonly seconds: number;
  /** Milliseconds since the epoch; the signing date, whenever the signing takes place. */
  readonly now: number;
}

/**
 * Signs a POST policy that allows exactly these fields with exactly these values, and a file of exactly this size. The policy holds its
 * end in whole seconds of S3's clock, just as a presigned URL does.
 * @throws FormRefused, without a value in its message.
 */
export async function signForm(signing: FormSigning, request: FormRequest): Promise<PresignedForm> {
  const { bucket, objectKey } = request;
  refuseVariables(request);
  // Few services need it: it is loaded by the first form.
  const { createPresignedPost } = await import('@aws-sdk/s3-presigned-post');
  const client = formClient(signing);
  try {
    // Mid-second: the SDK adds the clock to it once more, a little later, and cuts off the milliseconds. The next second would outlive
    // what was committed.
    client.config.systemClockOffset = Math.floor(signing.now / 1000) * 1000 + 500 - Date.now();
    const { fields } = await createPresignedPost(client, {
      Bucket: bucket,
      Key: objectKey,
      Fields: { ...request.fields },
      Conditions: [['content-length-range', request.size, request.size]],
      Expires: signing.seconds,
    });
    refuseTooLarge(fields);
    return { url: bucketUrl(signing.target, bucket), fields };
  } finally {
    client.destroy();
  }
}

/** It never sends anything, and takes nothing from the environment. */
function formClient({ target, credentials }: FormSigning): S3Client {
  return new S3Client({
    endpoint: target.publicEndpoint.href,
    region: target.region,
    forcePathStyle: target.pathStyle,
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    credentials: async () => credentials,
  });
}

/** The SDK would turn the end of such an object key into "starts with": any object key with that prefix could then be written. */
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

function bucketUrl({ publicEndpoint, pathStyle }: FormSigning['target'], bucket: string): string {
  const { protocol, hostname, port, path } = objectUrl(publicEndpoint, pathStyle, bucket, '');
  return `${protocol}//${port === undefined ? hostname : `${hostname}:${port}`}${path}`;
}
