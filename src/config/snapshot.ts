import { Secret } from '../secret.ts';
import type { Config, TargetConfig } from './config.ts';
import { ConfigErrors } from './errors.ts';
import { type ConfigSource, loadConfig } from './load.ts';

export { formatMistakes } from './errors.ts';

export interface Reloaded {
  /** Now in force: `tenants.acme.bucket`, `cors.origins` … Names only, never values. */
  readonly changed: string[];
  /** Differs in the file, but the old value stays in force until a restart. */
  readonly needsRestart: string[];
}

/** The configuration in force. A request takes `current` once, and keeps it to its end. */
export class ConfigSnapshot {
  readonly #source: ConfigSource;
  #current: Config;
  #reloading: Promise<unknown> = Promise.resolve();

  constructor(source: ConfigSource, current: Config) {
    this.#source = source;
    this.#current = current;
  }

  static async load(source: ConfigSource): Promise<ConfigSnapshot> {
    return new ConfigSnapshot(source, await loadConfig(source));
  }

  get current(): Config {
    return this.#current;
  }

  /**
   * One at a time, so that the file read last is the one in force.
   * @param accept asked of what would be in force, before it is.
   * @returns undefined when it was not accepted, and then nothing changes.
   * @throws ConfigErrors, and then nothing changes.
   */
  reload(accept: (next: Config) => Promise<boolean>): Promise<Reloaded | undefined> {
    const reloaded = this.#reloading.then(() => this.#reload(accept));
    this.#reloading = reloaded.catch(() => undefined);
    return reloaded;
  }

  async #reload(accept: (next: Config) => Promise<boolean>): Promise<Reloaded | undefined> {
    const old = this.#current;
    const read = await loadConfig(this.#source);
    const next = merge(old, read);
    requireTargetsInForce(next);
    if (!(await accept(next))) return undefined;
    this.#current = next;
    return { changed: differences(old, next), needsRestart: differences(next, read) };
  }
}

/** The old configuration with the parts that may change while running: tenants, issuers, CORS, content, grants, the credentials of targets. */
function merge(old: Config, read: Config): Config {
  const targets = Object.create(null) as Record<string, TargetConfig>;
  for (const [name, target] of Object.entries(old.s3.targets)) {
    const found = read.s3.targets[name];
    // New credentials may belong to the new endpoint: they are never taken without the rest of their target. An unchanged target stays
    // the same object, which is how its connections are kept.
    const changed = found === undefined ? [] : differences(target, found);
    const onlyCredentials =
      changed.length > 0 && changed.every((name) => /^(credentials|uploadCredentials)(\.|$)/.test(name));
    targets[name] = found !== undefined && onlyCredentials ? found : target;
  }
  return Object.freeze({
    ...old,
    cors: read.cors,
    content: read.content,
    grants: read.grants,
    s3: Object.freeze({ targets: Object.freeze(targets) }),
    auth: read.auth,
    tenants: read.tenants,
  });
}

function requireTargetsInForce(config: Config): void {
  const mistakes = Object.entries(config.tenants)
    .filter(([, tenant]) => !Object.hasOwn(config.s3.targets, tenant.target))
    .map(([name, tenant]) => ({
      path: `tenants.${name}.target`,
      value: JSON.stringify(tenant.target),
      message: 'a new target needs a restart',
    }));
  if (mistakes.length > 0) throw new ConfigErrors(mistakes);
}

/** The dotted names of all that differs. A list is one value. */
function differences(a: unknown, b: unknown, path = ''): string[] {
  if (!isMap(a) || !isMap(b)) return comparable(a) === comparable(b) ? [] : [path];
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].flatMap((name) => differences(a[name], b[name], path === '' ? name : `${path}.${name}`));
}

function isMap(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !(Array.isArray(value) || value instanceof URL || value instanceof Secret)
  );
}

/** A `Secret` prints the same whatever it holds, so it is opened here. */
function comparable(value: unknown): unknown {
  if (value instanceof Secret) return `secret ${value.reveal()}`;
  if (Array.isArray(value)) return JSON.stringify(value.map(comparable));
  return value instanceof URL ? value.href : value;
}
