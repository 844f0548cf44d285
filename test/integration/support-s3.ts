import { Agent } from 'node:https';
import {
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { S3Server } from '../support/s3-server.ts';

/** All versions, delete markers and unfinished uploads in a bucket, as its owner sees them. */
export function listAll(s3: S3Server, Bucket: string): Promise<string[]> {
  return asOwner(s3, async (client) => {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket }));
    const uploads = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    if (page.IsTruncated === true || uploads.IsTruncated === true) throw new Error('more than one page');
    const all = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? []), ...(uploads.Uploads ?? [])];
    return all.map(({ Key }) => Key ?? '');
  });
}

/** A bucket in which everybody may list, read and write. */
export function openToAll(s3: S3Server, Bucket: string): Promise<unknown> {
  const allowed = { Effect: 'Allow', Principal: { AWS: ['*'] } };
  const bucket = `arn:aws:s3:::${Bucket}`;
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { ...allowed, Action: ['s3:GetObject', 's3:PutObject'], Resource: [`${bucket}/*`] },
      { ...allowed, Action: ['s3:ListBucket'], Resource: [bucket] },
    ],
  });
  return asOwner(s3, (client) => client.send(new PutBucketPolicyCommand({ Bucket, Policy })));
}

async function asOwner<T>(s3: S3Server, act: (client: S3Client) => Promise<T>): Promise<T> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const httpsAgent = new Agent({ ca: s3.caPem });
  const client = new S3Client({
    ...{ endpoint, region, forcePathStyle: true },
    credentials: { accessKeyId, secretAccessKey },
    requestHandler: { httpsAgent },
  });
  try {
    return await act(client);
  } finally {
    client.destroy();
    httpsAgent.destroy();
  }
}
