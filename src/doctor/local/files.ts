import { readFile } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import type { Config, CredentialsConfig } from '../../config/config.ts';
import { Mistakes } from '../../config/mistakes.ts';
import { parseYaml } from '../../config/yaml.ts';
import {
  examineFolders,
  followed,
  GROUP_ANY,
  GROUP_WRITES,
  has,
  look,
  mode,
  notSeen,
  OTHERS_ANY,
  OTHERS_READ,
  OTHERS_WRITE,
} from './file-rights.ts';
import { about, type CheckText, type Examination, type Finding } from '../finding.ts';
import { examineTrustFiles, TRUST_FILES_CHECKS } from './trust-files.ts';

export const FILES_CHECKS = {
  'files.config': {
    title: 'configuration file',
    means:
      'Whoever can change it can send customer keys to an S3 of their own. When it holds secrets itself, others must not read it.',
  },
  'files.secrets': {
    title: 'secrets',
    means: 'Whoever reads them reaches the buckets, or the KEK, past the service, or forges grants.',
  },
  'files.kek': {
    title: 'KEK file',
    means:
      'Who has it and a copy of the store has every customer key. `serve` refuses it when others have any right to it.',
  },
  ...TRUST_FILES_CHECKS,
  'files.store': {
    title: 'store files',
    means: 'Others must not read the wrapped keys, and must not be able to put another store in their place.',
  },
  'files.apart': {
    title: 'KEK and store',
    means: 'They are kept, copied and backed up apart from each other: together they are the keys.',
  },
} as const satisfies Record<string, CheckText>;

const say = about('files');

export interface FilesContext {
  readonly config: Pick<Config, 'store' | 'custody' | 's3' | 'auth' | 'grants'>;
  /** Absent where the configuration is no file. */
  readonly configPath: string | undefined;
  /** This process's own unless given; some systems have none. */
  readonly userId?: number | undefined;
}

/** Who may read and write what this service reads and writes. Links are followed: Kubernetes mounts secrets as links. */
export async function* examineFiles({
  config,
  configPath,
  userId = process.getuid?.(),
}: FilesContext): Examination {
  if (configPath !== undefined) {
    yield await examineConfigFile(configPath);
    yield* examineFolders('files.config', configPath);
  }
  for (const path of secretFiles(config)) yield await examineSecret(path);
  for (const path of kekFiles(config)) {
    yield await examineKek(path, userId);
    yield* examineFolders('files.kek', path);
  }
  yield* examineTrustFiles(config);
  if (config.store.kind === 'sqlite') {
    yield* examineStoreFiles(config.store.path);
    for (const path of kekFiles(config)) yield await examineApart(path, config.store.path);
  }
  return true;
}

async function examineConfigFile(path: string): Promise<Finding> {
  const facts = await look(path);
  if (facts === undefined) return notSeen('files.config', path);
  const found = `${path} has mode ${mode(facts)}`;
  if (has(facts, OTHERS_WRITE))
    return say.unsafe('files.config', `${found}: others may change it`, `chmod o-w ${path}`);
  const apart = await keepsApart(path);
  if (apart !== undefined && has(facts, OTHERS_READ)) {
    const remedy = `chmod o-rwx ${path}, or name ${apart} in place of ${apart.replace(/File$/, '')}`;
    return say.unsafe('files.config', `${found} and holds secrets: others may read them`, remedy);
  }
  if (has(facts, GROUP_WRITES)) {
    return say.note('files.config', `${found}: its group may change it`, `chmod g-w ${path}`);
  }
  return say.ok('files.config', apart === undefined ? found : `${found} and holds secrets`);
}

async function examineSecret(path: string): Promise<Finding> {
  const facts = await look(path);
  if (facts === undefined) return notSeen('files.secrets', path);
  const found = `${path} has mode ${mode(facts)}`;
  if (has(facts, OTHERS_ANY))
    return say.unsafe('files.secrets', `${found}: others have rights to it`, `chmod 600 ${path}`);
  if (has(facts, GROUP_WRITES))
    return say.note('files.secrets', `${found}: its group may change it`, `chmod g-w ${path}`);
  return say.ok('files.secrets', found);
}

async function examineKek(path: string, userId: number | undefined): Promise<Finding> {
  const facts = await look(path);
  if (facts === undefined) return notSeen('files.kek', path);
  const found = `${path} has mode ${mode(facts)}`;
  if (has(facts, OTHERS_ANY | GROUP_WRITES)) {
    const who = has(facts, OTHERS_ANY) ? 'others have rights to it' : 'its group may change it';
    const remedy = `chmod 600 ${path} (640 for reading by the group), and see who has read it`;
    return say.unsafe('files.kek', `${found}: ${who}`, remedy);
  }
  const isMine = userId === undefined || facts.uid === userId || facts.uid === 0;
  if (isMine) return say.ok('files.kek', found);
  const owned = `${path} belongs to user ${facts.uid}`;
  // An operator's sudo: the owner is probably the service.
  return userId === 0
    ? say.note('files.kek', `${owned}, and this is root`, 'run the doctor as the user that serves')
    : say.unsafe('files.kek', `${owned}, who can read every key`, `chown ${userId} ${path}`);
}

async function* examineStoreFiles(path: string): AsyncGenerator<Finding> {
  const real = await followed(path);
  const folder = dirname(real);
  const of = await look(folder);
  if (of === undefined) {
    yield notSeen('files.store', folder);
    return;
  }
  if (has(of, OTHERS_WRITE)) {
    const remedy = `give the store a folder of its own: mkdir -m 700, and store.path below it`;
    yield say.unsafe('files.store', `others may write to ${folder}, mode ${mode(of)}`, remedy);
  }
  const seen: string[] = [];
  for (const file of [real, `${real}-wal`, `${real}-shm`, `${real}.lock`]) {
    const facts = await look(file);
    if (facts === undefined) continue;
    const found = `${file} has mode ${mode(facts)}`;
    if (has(facts, OTHERS_ANY))
      yield say.unsafe('files.store', `${found}: others have rights to it`, `chmod 600 ${file}`);
    else if (has(facts, GROUP_ANY))
      yield say.note(
        'files.store',
        `${found}: fine when its group is the service alone`,
        `chmod 600 ${file}`,
      );
    else seen.push(mode(facts));
  }
  if (seen.length > 0) yield say.ok('files.store', `${real} and what lies beside it have mode ${seen[0]}`);
  else if (!has(of, OTHERS_WRITE)) yield say.ok('files.store', `${folder} has mode ${mode(of)}`);
}

async function examineApart(kekFile: string, storePath: string): Promise<Finding> {
  const [kek, store] = [await followed(kekFile), await followed(storePath)];
  const fromStore = relative(dirname(store), kek);
  if (fromStore.startsWith('..')) return say.ok('files.apart', "the KEK lies outside of the store's folder");
  return say.note(
    'files.apart',
    `both lie in ${dirname(store)}: whoever copies that folder has every key`,
    "keep the KEK in another folder, and its backups apart from the store's",
  );
}

function kekFiles({ custody }: FilesContext['config']): Set<string> {
  const wrappers = Object.values(custody.wrappers);
  return new Set(wrappers.flatMap((wrapper) => (wrapper.kind === 'local' ? [wrapper.kekFile] : [])));
}

/** What reaches S3, KMS, Vault or the store in the service's name, and what it signs grants with. */
function secretFiles({ s3, custody, grants, store }: FilesContext['config']): Set<string> {
  const targets = Object.values(s3.targets).flatMap(({ credentials, uploadCredentials = credentials }) =>
    [credentials, uploadCredentials].flatMap(filesOf),
  );
  const wrappers = Object.values(custody.wrappers).flatMap((wrapper) => {
    if (wrapper.kind === 'aws-kms') return filesOf(wrapper.credentials);
    if (wrapper.kind !== 'vault-transit') return [];
    return [wrapper.auth.kind === 'approle' ? wrapper.auth.secretIdFile : wrapper.auth.tokenFile];
  });
  const ofStore = store.kind === 'postgres' ? [store.passwordFile, store.tls?.keyFile] : [];
  const named = ofStore.filter((path) => path !== undefined);
  return new Set([...targets, ...wrappers, ...(grants?.secretFiles ?? []), ...named]);
}

function filesOf(credentials: CredentialsConfig): readonly string[] {
  return credentials.kind === 'static' ? (credentials.secretFiles ?? []) : [];
}

/** The setting that would keep a secret of this file in one of its own. What comes by the environment is not in it. */
async function keepsApart(path: string): Promise<string | undefined> {
  const document = parseYaml(await readFile(path, 'utf8'), path, new Mistakes()) as {
    s3?: { targets?: Record<string, { credentials?: object; uploadCredentials?: object } | null> };
    store?: object;
  } | null;
  for (const target of Object.values(document?.s3?.targets ?? {})) {
    const all = { ...target?.credentials, ...target?.uploadCredentials };
    if ('secretAccessKey' in all) return 'secretAccessKeyFile';
    if ('sessionToken' in all) return 'sessionTokenFile';
  }
  return 'password' in { ...document?.store } ? 'passwordFile' : undefined;
}
