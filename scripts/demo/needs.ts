import { findCommand } from '../../test/support/cache.ts';

/** What README's blocks call, and openssl for the certificates of the S3 server. */
const NEEDED = ['bash', 'curl', 'jq', 'openssl'];

export async function missingCommands(): Promise<string[]> {
  const found = await Promise.all(NEEDED.map(findCommand));
  return NEEDED.filter((_name, index) => found[index] === undefined);
}
