import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IssuerConfig } from '../../src/config/config.ts';
import { AUDIENCE, ISSUER, makeIssuer } from '../speed/tokens.ts';
import {
  apiKeyAuthenticator,
  createApiKey,
  jwtAuthenticator,
  type Authenticator,
  type Store,
} from './parts.ts';
import type { Step } from './steps.ts';

/** So many tokens are new to an authenticator; then it is made anew. */
const NEW_TOKENS = 300;

export async function access(store: Store): Promise<Step[]> {
  const now = Date.now;
  const made = createApiKey({
    ...{ tenant: 'acme', name: 'bench', scopes: ['uploads:write'] as const },
    ...{ expiresAt: null, now: now() },
  });
  await store.apiKeys.insert(made.record);
  const keys = apiKeyAuthenticator({ store: store.apiKeys, now });
  const token = made.token.reveal();

  const dir = await mkdtemp(join(tmpdir(), 'sealslot-micro-'));
  const issuer = await makeIssuer();
  const path = join(dir, 'jwks.json');
  await writeFile(path, JSON.stringify(issuer.jwks));
  const config: IssuerConfig = {
    ...{ issuer: ISSUER, audience: [AUDIENCE], jwks: { kind: 'file', path }, algorithms: ['ES256', 'RS256'] },
    ...{ types: ['jwt'], tenant: { kind: 'fixed', name: 'acme' }, scopesClaim: 'scope' },
  };
  const open = (): Authenticator => jwtAuthenticator({ issuers: [config], now });
  const steps: Step[] = [{ name: 'verify an API key', run: () => keys.authenticate(token) }];
  for (const algorithm of ['ES256', 'RS256'] as const) {
    const tokens = await issuer.tokens(algorithm, NEW_TOKENS);
    const known = open();
    await known.authenticate(tokens[0] ?? '');
    let fresh = open();
    let at = 0;
    steps.push({
      name: `verify a JWT ${algorithm}: new`,
      run() {
        if (at === NEW_TOKENS) {
          at = 0;
          fresh = open();
        }
        return fresh.authenticate(tokens[at++] ?? '');
      },
    });
    steps.push({
      name: `verify a JWT ${algorithm}: again`,
      run: () => known.authenticate(tokens[0] ?? ''),
    });
  }
  // Each of them reads the file once, when it is first asked.
  process.once('exit', () => void rm(dir, { recursive: true, force: true }));
  return steps;
}
