import type { TargetConfig } from '../../src/config/config.ts';
import { DEFAULTS } from '../../src/config/defaults.ts';
import { Secret } from '../../src/secret.ts';
import type { SessionCredentials } from './minio-session.ts';
import type { S3Server } from './s3-server.ts';

/** The configuration of a running server as a target, as it is after loading. @param session in place of the server's own credentials. */
export function targetConfigOf(server: S3Server, session?: SessionCredentials): TargetConfig {
  const { accessKeyId, secretAccessKey } = session ?? server;
  return {
    endpoint: new URL(server.endpoint),
    publicEndpoint: new URL(server.endpoint),
    region: server.region,
    pathStyle: true,
    ca: server.caPem,
    credentials: {
      kind: 'static',
      accessKeyId,
      secretAccessKey: new Secret(secretAccessKey),
      sessionToken: session && new Secret(session.sessionToken),
    },
    ...DEFAULTS.s3,
  };
}
