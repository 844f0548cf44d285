import { Agent } from 'node:https';
import type { KMSClient, KMSClientConfig } from '@aws-sdk/client-kms';
import { ownCredentials } from '../../../aws/credentials.ts';
import { answerWithin, renewSilentConnections } from '../../../aws/deadline.ts';
import { readWholeAnswers } from '../../../aws/whole-answers.ts';
import type { AwsKmsConfig } from '../../../config/config.ts';
import { trusted } from '../../../s3/trust.ts';
import { PackageMissing } from '../../errors.ts';

export type KmsSdk = typeof import('@aws-sdk/client-kms');
export type RequestHandler = NonNullable<KMSClientConfig['requestHandler']>;

const CONNECT_MS = 2_000;
const ATTEMPTS = 3;
/** Calls at once. */
const SOCKETS = 50;
/** The longest right answer describes a key with replicas in every region. */
const LONGEST_BYTES = 64 * 1024;

/** @throws PackageMissing. */
export async function loadSdk(): Promise<KmsSdk> {
  try {
    return await import('@aws-sdk/client-kms');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new PackageMissing(
      'A wrapper of kind "aws-kms" needs the package @aws-sdk/client-kms: npm install @aws-sdk/client-kms beside sealslot; npm install -g @aws-sdk/client-kms for a global one.',
      { cause: error },
    );
  }
}

/** An SDK client that gives up early, also in the middle of an answer, and whose address comes from the configuration alone. */
export function sdkClient(sdk: KmsSdk, config: AwsKmsConfig, requestHandler?: RequestHandler): KMSClient {
  const { region, fips, endpoint, credentials, timeoutSeconds } = config;
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS, ...trusted(config.ca) });
  const client = new sdk.KMSClient({
    region,
    useFipsEndpoint: fips,
    // Else AWS_ENDPOINT_URL in the environment would send keys elsewhere, by http if it says so.
    ignoreConfiguredEndpointUrls: true,
    ...(endpoint && { endpoint: endpoint.href }),
    maxAttempts: ATTEMPTS,
    retryMode: 'standard',
    requestHandler: requestHandler ?? networkHandler(agent, timeoutSeconds * 1000),
    ...ownCredentials(credentials),
  });
  answerWithin(client, timeoutSeconds * 1000);
  renewSilentConnections(client, agent);
  readWholeAnswers(client, { bytes: LONGEST_BYTES, milliseconds: timeoutSeconds * 1000 });
  return client;
}

function networkHandler(httpsAgent: Agent, answerMs: number): RequestHandler {
  return {
    connectionTimeout: Math.min(CONNECT_MS, answerMs),
    // Less than all of the time, so that a connection which has fallen silent costs a call no more than that.
    requestTimeout: answerMs / 2,
    throwOnRequestTimeout: true,
    httpsAgent,
  };
}
