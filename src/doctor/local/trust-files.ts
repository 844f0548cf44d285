import type { Config } from '../../config/config.ts';
import { examineFolders, GROUP_WRITES, has, look, mode, notSeen, OTHERS_WRITE } from './file-rights.ts';
import { about, type CheckText, type Finding } from '../finding.ts';

export const TRUST_FILES_CHECKS = {
  'files.jwks': {
    title: 'JWKS file',
    means: 'Whoever can change it can sign tokens of their own, for every tenant of its issuer.',
  },
  'files.ca': {
    title: 'CA file',
    means:
      'Whoever can change it can have another server taken for S3, the store or the keeper of the KEK, and customer keys sent to it.',
  },
} as const satisfies Record<string, CheckText>;

const say = about('files');

/** The files that say whom the service believes. All may read them. */
export async function* examineTrustFiles({
  auth,
  s3,
  custody,
  store,
}: Pick<Config, 'auth' | 's3' | 'custody' | 'store'>): AsyncGenerator<Finding> {
  const jwks = auth.issuers.flatMap((issuer) => (issuer.jwks.kind === 'file' ? [issuer.jwks.path] : []));
  const believed = [...Object.values(s3.targets), ...Object.values(custody.wrappers)];
  const ofStore = store.kind === 'postgres' && store.tls ? [store.tls] : [];
  const cas = [...believed, ...ofStore].flatMap((each) => ('caFile' in each ? [each.caFile] : []));
  for (const path of new Set(jwks)) yield* examineOne('files.jwks', path);
  for (const path of new Set(cas)) yield* examineOne('files.ca', path);
}

async function* examineOne(check: keyof typeof TRUST_FILES_CHECKS, path: string): AsyncGenerator<Finding> {
  const facts = await look(path);
  if (facts === undefined) {
    yield notSeen(check, path);
    return;
  }
  const found = `${path} has mode ${mode(facts)}`;
  if (has(facts, OTHERS_WRITE)) {
    yield say.unsafe(check, `${found}: others may change it`, `chmod go-w ${path}, and see what is in it`);
  } else if (has(facts, GROUP_WRITES)) {
    yield say.note(check, `${found}: its group may change it`, `chmod g-w ${path}`);
  } else yield say.ok(check, found);
  yield* examineFolders(check, path);
}
