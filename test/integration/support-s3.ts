import { Agent } from 'node:https';
import { ListMultipartUploadsCommand, ListObjectVersionsCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3Server } from '../support/s3-server.ts';

/** All versions, delete markers and unfinished uploads in a bucket, as its owner sees them. */
export async function listAll(s3: S3Server, Bucket: string): Promise<string[]> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const httpsAgent = new Agent({ ca: s3.caPem });
  const client = new S3Client({
    ...{ endpoint, region, forcePathStyle: true },
    credentials: { accessKeyId, secretAccessKey },
    requestHandler: { httpsAgent },
  });
  try {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket }));
    const uploads = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    if (page.IsTruncated === true || uploads.IsTruncated === true) throw new Error('more than one page');
    const all = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? []), ...(uploads.Uploads ?? [])];
    return all.map(({ Key }) => Key ?? '');
  } finally {
    client.destroy();
    httpsAgent.destroy();
  }
}
