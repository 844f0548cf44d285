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

export type ConfigSource = ConfigFile | ConfigDocument;

export interface ConfigFile {
  /** The YAML file. */
  readonly path: string;
  /** `process.env`, handed in by the command line. */
  readonly env: Environment;
}

/** What would stand in a file. */
export interface ConfigDocument {
  readonly document: unknown;
  /** Where relative paths begin. */
  readonly folder: string;
}

/**
 * Reads the file, lays the environment over it, and checks all of it; or checks the document.
 * @throws ConfigErrors with every mistake at once. Only a file that cannot be parsed hides what else may be wrong.
 */
export async function loadConfig(source: ConfigSource): Promise<Config> {
  const mistakes = new Mistakes();
  const folder = 'path' in source ? dirname(resolve(source.path)) : resolve(source.folder);
  const document = 'path' in source ? await read(source, mistakes) : plain(source.document, mistakes);
  const files = new ConfigFiles(folder, mistakes);
  await check(validate(document, mistakes), files, mistakes);
  if (mistakes.list.length > 0) throw new ConfigErrors(mistakes.list);
  return build(document as Document, files);
}

async function read({ path, env }: ConfigFile, mistakes: Mistakes): Promise<unknown> {
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
  return document;
}

/** A copy as YAML would give it, that nobody can change afterwards. */
function plain(document: unknown, mistakes: Mistakes): unknown {
  try {
    return JSON.parse(JSON.stringify(structuredClone(document))) as unknown;
  } catch {
    mistakes.addAt('(document)', 'must be plain data, as a YAML file can hold it');
    throw new ConfigErrors(mistakes.list);
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
