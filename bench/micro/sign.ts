import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl, S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import { newSlot } from '../growth/rows.ts';
import { clientHeaders, createPresigner, CustomerKey } from './parts.ts';
import { NativeSha256 } from './native-sha256.ts';
import type { Step } from './steps.ts';

const REGION = 'us-east-1';
const BUCKET = 'uploads';
const SECONDS = 900;
const ENDPOINT = new URL('https://s3.example.com');
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example' };

export const OURS = 'sign a PUT: ours';
export const SDK = 'sign a PUT: getSignedUrl';

/** The same PUT by all three, of an object key that each has not signed before. */
export async function signing(): Promise<Step[]> {
  const { upload } = newSlot(Date.now());
  const key = CustomerKey.generate();
  const headers = {
    ...clientHeaders({ ...upload, metadata: {}, sha256: null }, key),
    'content-length': '123456',
  };
  let count = 0;
  const objectKey = (): string => `acme/2026/11/${count++}/invoice.pdf`;

  const target = { publicEndpoint: ENDPOINT, region: REGION, pathStyle: true };
  const ours = createPresigner({ target, credentials: async () => credentials, skewMs: () => 0 });
  const signer = new S3RequestPresigner({ region: REGION, credentials, sha256: NativeSha256 });
  const client = new S3Client({
    ...{ endpoint: ENDPOINT.href, region: REGION, forcePathStyle: true, credentials },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  return [
    {
      name: OURS,
      async run() {
        const window = await ours.open(SECONDS, Date.now());
        return window.sign({ method: 'PUT', bucket: BUCKET, objectKey: objectKey(), headers });
      },
    },
    {
      name: 'sign a PUT: S3RequestPresigner',
      run: () =>
        signer.presign(
          {
            ...{
              protocol: ENDPOINT.protocol,
              hostname: ENDPOINT.hostname,
              path: `/${BUCKET}/${objectKey()}`,
            },
            ...{ method: 'PUT', headers: { ...headers, host: ENDPOINT.host }, query: {} },
          },
          {
            expiresIn: SECONDS,
            signableHeaders: new Set(Object.keys(headers)),
            unhoistableHeaders: new Set(Object.keys(headers)),
          },
        ),
    },
    {
      name: SDK,
      run: () =>
        getSignedUrl(
          client,
          new PutObjectCommand({
            ...{ Bucket: BUCKET, Key: objectKey(), ContentType: upload.contentType, ContentLength: 123_456 },
            ...{ IfNoneMatch: '*', SSECustomerAlgorithm: 'AES256' },
            SSECustomerKey: key.bytes().toString('base64'),
            SSECustomerKeyMD5: key.md5(),
          }),
          { expiresIn: SECONDS },
        ),
    },
  ];
}
