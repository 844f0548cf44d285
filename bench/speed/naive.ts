/**
 * What people write in ten lines to hand out SSE-C uploads: no authentication, no wrapped key, nothing stored. Its client is made once, its server does
 * not log, and nothing in it is slower than it need be with `getSignedUrl`.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import Fastify from 'fastify';

const client = new S3Client({
  endpoint: process.env['S3_ENDPOINT'] ?? 'https://127.0.0.1:1',
  region: 'us-east-1',
  forcePathStyle: true,
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example' },
  requestChecksumCalculation: 'WHEN_REQUIRED',
});
const app = Fastify();

app.post<{ Body: { contentType: string } }>('/uploads', async (request) => {
  const key = randomBytes(32);
  const md5 = createHash('md5').update(key).digest('base64');
  const command = new PutObjectCommand({
    Bucket: 'uploads',
    Key: randomUUID(),
    ContentType: request.body.contentType,
    SSECustomerAlgorithm: 'AES256',
    SSECustomerKey: key.toString('base64'),
    SSECustomerKeyMD5: md5,
  });
  return { url: await getSignedUrl(client, command, { expiresIn: 900 }), key: key.toString('base64'), md5 };
});

process.send?.(await app.listen({ host: '127.0.0.1', port: 0 }));
process.on('disconnect', () => process.exit());
