import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { build } from './build.ts';
import { check } from './checks.ts';
import type { Config } from './config.ts';
import { ConfigErrors } from './errors.ts';
import { ConfigFiles, reason } from './files.ts';
import { Mistakes } from './mistakes.ts';
import { applyOverrides, type Environment } from './overrides.ts';
import type { Document } from './schema.ts';
import { validate } from './validate.ts';
import { parseYaml } from './yaml.ts';

export interface ConfigSource {
  /** The YAML file. */
  readonly path: string;
  /** `process.env`, handed in by the command line. */
  readonly env: Environment;
}

/**
 * Reads the file, lays the environment over it, and checks all of it.
 * @throws ConfigErrors with every mistake at once. Only a file that cannot be parsed hides what else may be wrong.
 */
export async function loadConfig({ path, env }: ConfigSource): Promise<Config> {
  const mistakes = new Mistakes();
  const source = await readFile(path, 'utf8').catch((error: unknown) => {
    mistakes.addAt(
      path,
      `${reason(error)}; begin with sealslot.example.yaml, or name another by SEALSLOT_CONFIG`,
    );
    throw new ConfigErrors(mistakes.list);
  });
  const document = parseYaml(source, path, mistakes);
  if (document === undefined) throw new ConfigErrors(mistakes.list);
  if (isMap(document)) applyOverrides(document, env, mistakes);

  const files = new ConfigFiles(dirname(resolve(path)), mistakes);
  await check(validate(document, mistakes), files, mistakes);
  if (mistakes.list.length > 0) throw new ConfigErrors(mistakes.list);
  return build(document as Document, files);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
