import { S3Client } from '@aws-sdk/client-s3';
import type { Clock } from '../../clock.ts';
import type { TargetConfig } from '../../config/config.ts';
import type { ClockSkew } from '../clock-skew.ts';
import { trusted } from '../trust.ts';
import { readWholeAnswers } from './whole-answers.ts';

/** An SDK client that gives up early, also in the middle of an answer, adds no checksums of its own, logs nothing, and teaches `skew` the time from every answer. */
export function sdkClient(
  config: Omit<TargetConfig, 'publicEndpoint'>,
  skew: ClockSkew,
  now: Clock = Date.now,
): S3Client {
  const { credentials } = config;
  const client = new S3Client({
    endpoint: config.endpoint.href,
    region: config.region,
    forcePathStyle: config.pathStyle,
    maxAttempts: 2,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: 2_000,
      requestTimeout: 10_000,
      throwOnRequestTimeout: true,
      httpsAgent: {
        keepAlive: true,
        ...trusted(config.ca),
      },
    },
    // Without credentials here the SDK takes its default chain.
    ...(credentials.kind === 'static' && {
      credentials: {
        accessKeyId: credentials.accessKeyId,
        secretAccessKey: credentials.secretAccessKey.reveal(),
        ...(credentials.sessionToken && { sessionToken: credentials.sessionToken.reveal() }),
      },
    }),
  });
  readWholeAnswers(client);
  client.middlewareStack.add(
    (next) => async (args) => {
      const sent = now();
      const result = await next(args);
      const { headers } = result.response as { headers?: Record<string, string> };
      skew.learn(headers?.['date'], sent, now());
      return result;
    },
    // Next to the socket: it sees refusals too, before they become errors, and the head when it comes.
    { step: 'deserialize', priority: 'low', name: 'sealslotClockSkew' },
  );
  return client;
}
