import type { CredentialsConfig } from '../config/config.ts';

/** For an SDK client's constructor. Without credentials there the SDK takes its default chain. */
export function ownCredentials(credentials: CredentialsConfig) {
  if (credentials.kind !== 'static') return {};
  return {
    credentials: {
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: credentials.secretAccessKey.reveal(),
      ...(credentials.sessionToken && { sessionToken: credentials.sessionToken.reveal() }),
    },
  };
}
