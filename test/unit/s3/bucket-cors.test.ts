import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { BucketRefused } from '../../../src/s3/errors.ts';
import { error, targetOn, xml } from './answering.ts';

const RULE =
  '<CORSRule><ID></ID><AllowedOrigin>https://a.example</AllowedOrigin><AllowedOrigin>https://b.example</AllowedOrigin>' +
  '<AllowedMethod>PUT</AllowedMethod><MaxAgeSeconds>0</MaxAgeSeconds></CORSRule>';

describe('the CORS rules of a bucket', () => {
  it('are read with what they hold, and no empty ID', async () => {
    const { target, seen } = await targetOn((_seen, response) =>
      xml(response, `<CORSConfiguration>${RULE}</CORSConfiguration>`),
    );
    assert.deepEqual(await target.buckets.corsRules('b'), [
      {
        AllowedOrigins: ['https://a.example', 'https://b.example'],
        AllowedMethods: ['PUT'],
        MaxAgeSeconds: 0,
      },
    ]);
    assert.match(seen[0]?.line ?? '', /^GET \/b\/?\?cors/);
  });

  it('are none where S3 says that there are none', async () => {
    const { target } = await targetOn((_seen, response) =>
      xml(response, error('NoSuchCORSConfiguration'), 404),
    );
    assert.deepEqual(await target.buckets.corsRules('b'), []);
  });

  it('are put with the checksum that S3 demands', async () => {
    const { target, seen } = await targetOn((_seen, response) => response.writeHead(200).end());
    await target.buckets.putCorsRules('b', [
      { ID: 'sealslot', AllowedOrigins: ['https://a.example'], AllowedMethods: ['PUT'] },
    ]);
    const [{ line, headers } = assert.fail()] = seen;
    assert.match(line, /^PUT \/b\/?\?cors/);
    assert.ok(headers['x-amz-checksum-crc32'] ?? headers['content-md5'], JSON.stringify(headers));
  });

  for (const [status, code, unsupported] of [
    [403, 'AccessDenied', false],
    [404, 'NoSuchBucket', false],
    [501, 'NotImplemented', true],
    [400, 'NotImplemented', true],
  ] as const) {
    it(`are refused by ${status} ${code}, read or put`, async () => {
      const { target } = await targetOn((_seen, response) => xml(response, error(code), status));
      const isRefusal = (thrown: unknown) =>
        thrown instanceof BucketRefused &&
        thrown.status === status &&
        thrown.s3Code === code &&
        thrown.isUnsupported === unsupported;
      await assert.rejects(target.buckets.corsRules('b'), isRefusal);
      await assert.rejects(target.buckets.putCorsRules('b', []), isRefusal);
    });
  }

  it('are not known while S3 fails', async () => {
    const { target } = await targetOn((_seen, response) => xml(response, error('InternalError'), 500));
    await assert.rejects(target.buckets.corsRules('b'), DependencyUnavailable);
    await assert.rejects(target.buckets.putCorsRules('b', []), DependencyUnavailable);
  });
});
