import { type CORSRule, GetBucketCorsCommand, PutBucketCorsCommand, type S3Client } from '@aws-sdk/client-s3';
import { DependencyUnavailable } from '../../errors.ts';
import { BucketRefused } from '../errors.ts';
import type { Buckets, CorsRule } from '../port.ts';
import { sdkFailure } from './sdk-error.ts';

export function bucketCors(client: S3Client): Pick<Buckets, 'corsRules' | 'putCorsRules'> {
  return {
    async corsRules(bucket) {
      try {
        const { CORSRules = [] } = await client.send(new GetBucketCorsCommand({ Bucket: bucket }));
        return CORSRules.map(ruleOf);
      } catch (error) {
        const failure = failureOf(error);
        if (failure instanceof BucketRefused && failure.s3Code === 'NoSuchCORSConfiguration') return [];
        throw failure;
      }
    },
    async putCorsRules(bucket, rules) {
      const CORSRules = rules.map((rule) => structuredClone(rule) as CORSRule);
      await client
        .send(new PutBucketCorsCommand({ Bucket: bucket, CORSConfiguration: { CORSRules } }))
        .catch((error: unknown) => {
          throw failureOf(error);
        });
    },
  };
}

/** Without members that hold nothing: some servers send an empty ID, and S3 refuses one. */
function ruleOf(rule: CORSRule): CorsRule {
  const { ID, AllowedOrigins = [], AllowedMethods = [], AllowedHeaders, ExposeHeaders, MaxAgeSeconds } = rule;
  return {
    ...(ID !== undefined && ID !== '' && { ID }),
    AllowedOrigins,
    AllowedMethods,
    ...(AllowedHeaders && { AllowedHeaders }),
    ...(ExposeHeaders && { ExposeHeaders }),
    ...(MaxAgeSeconds !== undefined && { MaxAgeSeconds }),
  };
}

function failureOf(error: unknown): BucketRefused | DependencyUnavailable {
  const failure = sdkFailure(error);
  const { status, code } = failure;
  const isNo = status !== undefined && ((status >= 400 && status < 500 && status !== 429) || status === 501);
  return isNo ? new BucketRefused(status, code) : new DependencyUnavailable('s3', failure);
}
