import { createHash, randomBytes } from 'node:crypto';
import { Agent, request } from 'node:https';
import { GetObjectCommand, HeadObjectCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import type { S3Server } from '../../test/support/s3-server.ts';

/**
 * Asks S3 for the object with the server's own root credentials.
 * @returns what it answered to HEAD and GET, without the customer key and with another one.
 */
export async function askWithoutTheKey(
  s3: S3Server,
  bucket: string,
  objectKey: string,
): Promise<Map<string, number>> {
  const httpsAgent = new Agent({ ca: s3.caPem });
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({
    endpoint,
    region,
    credentials,
    forcePathStyle: true,
    requestHandler: { httpsAgent },
  });
  const key = randomBytes(32);
  const otherKey = {
    SSECustomerAlgorithm: 'AES256',
    SSECustomerKey: key.toString('base64'),
    SSECustomerKeyMD5: createHash('md5').update(key).digest('base64'),
  };
  const at = { Bucket: bucket, Key: objectKey };
  try {
    return new Map([
      ['HEAD without a key', await statusOf(client.send(new HeadObjectCommand(at)))],
      ['GET without a key', await statusOf(client.send(new GetObjectCommand(at)))],
      ['HEAD with another key', await statusOf(client.send(new HeadObjectCommand({ ...at, ...otherKey })))],
      ['GET with another key', await statusOf(client.send(new GetObjectCommand({ ...at, ...otherKey })))],
    ]);
  } finally {
    client.destroy();
    httpsAgent.destroy();
  }
}

async function statusOf(answer: Promise<unknown>): Promise<number> {
  try {
    await answer;
    return 200;
  } catch (error) {
    const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
    if (status === undefined) throw error;
    return status;
  }
}

/** The status of a plain GET, with no header that the URL asks for. */
export function plainGet(url: string, ca: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { ca, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}
