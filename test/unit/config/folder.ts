import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { ConfigErrors, type Mistake } from '../../../src/config/errors.ts';
import { loadConfig } from '../../../src/config/load.ts';
import type { Environment } from '../../../src/config/overrides.ts';

export const SECRET = 'wJalrXUtnFEMI/K7MDENG';

/** A temporary folder with a configuration and the files that it names. */
export class Folder implements AsyncDisposable {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async make(): Promise<Folder> {
    const folder = new Folder(await mkdtemp(join(tmpdir(), 'sealslot-config-')));
    await folder.write('kek', 'not looked into');
    await folder.write('s3-secret', `\n${SECRET}\n`);
    return folder;
  }

  async write(name: string, text: string): Promise<string> {
    const path = join(this.root, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    return path;
  }

  /** @param document YAML text, or what becomes it. */
  async load(document: unknown, env: Environment = {}) {
    const text =
      typeof document === 'string' ? document : stringify(document, { aliasDuplicateObjects: false });
    return loadConfig({ path: await this.write('sealslot.yaml', text), env });
  }

  async mistakes(document: unknown, env: Environment = {}): Promise<readonly Mistake[]> {
    try {
      await this.load(document, env);
    } catch (error) {
      if (error instanceof ConfigErrors) return error.mistakes;
      throw error;
    }
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true });
  }
}

/** The smallest good document, fresh for each test to change. */
export function minimal() {
  return {
    store: { kind: 'sqlite', path: 'slots.db' },
    custody: { current: 'local', wrappers: { local: { kind: 'local', kekFile: 'kek' } } },
    s3: {
      targets: {
        main: {
          endpoint: 'https://s3.example.com',
          region: 'eu-central-1',
          credentials: { kind: 'static', accessKeyId: 'AKIAEXAMPLE', secretAccessKeyFile: 's3-secret' },
        },
      },
    },
    auth: {
      issuers: [
        {
          issuer: 'https://login.example.com/',
          audience: 'uploads',
          jwksUrl: 'https://login.example.com/jwks.json',
          algorithms: ['ES256'],
          tenant: 'acme',
        },
      ],
    },
    tenants: { acme: { target: 'main', bucket: 'acme-uploads' } },
  };
}

/** @param path dotted; `undefined` removes. */
export function put(document: object, path: string, value: unknown): object {
  const names = path.split('.');
  const last = names.pop() ?? '';
  let at = document as Record<string, unknown>;
  for (const name of names) at = (at[name] ??= {}) as Record<string, unknown>;
  if (value === undefined) Reflect.deleteProperty(at, last);
  else at[last] = value;
  return document;
}
