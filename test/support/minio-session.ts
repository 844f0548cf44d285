import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { S3Server } from './s3-server.ts';

export interface SessionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

const ALL = ['arn:aws:s3:::*'];

/** Temporary credentials of a MinIO that may do everything but `denied`. */
export function credentialsWithout(s3: S3Server, ...denied: readonly string[]): Promise<SessionCredentials> {
  return credentialsUnder(s3, [
    { Effect: 'Allow', Action: ['s3:*'], Resource: ALL },
    { Effect: 'Deny', Action: denied, Resource: ALL },
  ]);
}

/** Temporary credentials of a MinIO that may do nothing but `allowed`. */
export function credentialsWith(s3: S3Server, ...allowed: readonly string[]): Promise<SessionCredentials> {
  return credentialsUnder(s3, [{ Effect: 'Allow', Action: allowed, Resource: ALL }]);
}

/** By AssumeRole with a session policy. */
async function credentialsUnder(s3: S3Server, Statement: readonly object[]): Promise<SessionCredentials> {
  const policy = { Version: '2012-10-17', Statement };
  const body = new URLSearchParams({
    Action: 'AssumeRole',
    Version: '2011-06-15',
    DurationSeconds: '3600',
    Policy: JSON.stringify(policy),
  });
  const { stdout } = await promisify(execFile)('curl', [
    ...['--silent', '--show-error', '--fail-with-body', '--cacert', s3.caFile],
    ...['--aws-sigv4', `aws:amz:${s3.region}:sts`, '--user', `${s3.accessKeyId}:${s3.secretAccessKey}`],
    ...['--data', body.toString(), `${s3.endpoint}/`],
  ]);
  const field = (name: string): string => {
    const value = new RegExp(`<${name}>([^<]+)</${name}>`).exec(stdout)?.[1];
    if (value === undefined) throw new Error(`no ${name} in ${stdout}`);
    return value;
  };
  return {
    accessKeyId: field('AccessKeyId'),
    secretAccessKey: field('SecretAccessKey'),
    sessionToken: field('SessionToken'),
  };
}
