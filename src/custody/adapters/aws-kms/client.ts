import { Readable } from 'node:stream';
import type { KMSClient, KMSClientConfig } from '@aws-sdk/client-kms';
import type { AwsKmsConfig } from '../../../config/config.ts';
import { trusted } from '../../../s3/trust.ts';
import { PackageMissing } from '../../errors.ts';

export type KmsSdk = typeof import('@aws-sdk/client-kms');
export type RequestHandler = NonNullable<KMSClientConfig['requestHandler']>;

const CONNECT_MS = 2_000;
const ANSWER_MS = 5_000;
const ATTEMPTS = 3;
/** The longest right answer describes a key with replicas in every region. */
const LONGEST_BYTES = 64 * 1024;

/** @throws PackageMissing. */
export async function loadSdk(): Promise<KmsSdk> {
  try {
    return await import('@aws-sdk/client-kms');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new PackageMissing(
      'A wrapper of kind "aws-kms" needs the package @aws-sdk/client-kms: npm install @aws-sdk/client-kms',
      { cause: error },
    );
  }
}

/** An SDK client that gives up early, also in the middle of an answer, and whose address comes from the configuration alone. */
export function sdkClient(
  sdk: KmsSdk,
  config: AwsKmsConfig,
  requestHandler: RequestHandler = networkHandler(config),
): KMSClient {
  const { region, fips, endpoint, credentials } = config;
  const client = new sdk.KMSClient({
    region,
    useFipsEndpoint: fips,
    // Else AWS_ENDPOINT_URL in the environment would send keys elsewhere, by http if it says so.
    ignoreConfiguredEndpointUrls: true,
    ...(endpoint && { endpoint: endpoint.href }),
    maxAttempts: ATTEMPTS,
    retryMode: 'standard',
    requestHandler,
    // Without credentials here the SDK takes its default chain.
    ...(credentials.kind === 'static' && {
      credentials: {
        accessKeyId: credentials.accessKeyId,
        secretAccessKey: credentials.secretAccessKey.reveal(),
        ...(credentials.sessionToken && { sessionToken: credentials.sessionToken.reveal() }),
      },
    }),
  });
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { body?: unknown };
      if (response.body instanceof Readable) response.body = await readWhole(response.body);
      return result;
    },
    // Next to the socket, so that what it throws is a failed attempt.
    { step: 'deserialize', priority: 'low', name: 'sealslotWholeAnswers' },
  );
  return client;
}

function networkHandler({ ca }: AwsKmsConfig): RequestHandler {
  return {
    connectionTimeout: CONNECT_MS,
    requestTimeout: ANSWER_MS,
    throwOnRequestTimeout: true,
    httpsAgent: { keepAlive: true, ...trusted(ca) },
  };
}

/** The SDK's own timeouts end with an answer's head, and it reads a body however long that is. */
async function readWhole(body: Readable): Promise<Uint8Array> {
  const late = setTimeout(
    () => body.destroy(new Error(`no whole answer in ${ANSWER_MS / 1000} s`)),
    ANSWER_MS,
  );
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > LONGEST_BYTES) throw new Error(`an answer of more than ${LONGEST_BYTES} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } finally {
    clearTimeout(late);
  }
}
