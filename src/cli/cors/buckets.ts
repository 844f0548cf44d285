import { configPath, UsageError } from '../command.ts';
import type { Config, TargetConfig } from '../../config/config.ts';
import { loadConfig } from '../../config/load.ts';
import type { CorsNeed } from '../../cors/rule.ts';
import { bucketsOf, methodsOn } from '../../doctor/target.ts';
import type { UploadMethod } from '../../uploads/upload.ts';

export interface CorsOptions {
  readonly bucket?: string;
}

/** A bucket that browsers send to, for all of its tenants. */
export interface CorsBucket extends CorsNeed {
  readonly bucket: string;
  readonly target: string;
  readonly settings: TargetConfig;
  /** `bucket acme-uploads on main (acme, globex)` */
  readonly subject: string;
}

export async function loadBuckets(
  { bucket }: CorsOptions,
  env: NodeJS.ProcessEnv,
): Promise<{ config: Config; buckets: readonly CorsBucket[] }> {
  const config = await loadConfig({ path: configPath(env), env });
  const all = bucketsIn(config);
  const buckets = bucket === undefined ? all : all.filter((one) => one.bucket === bucket);
  if (buckets.length === 0) {
    const names = [...new Set(all.map((one) => one.bucket))];
    throw new UsageError(`--bucket ${bucket}: must be one of ${names.join(', ')}`);
  }
  return { config, buckets };
}

/** For what makes a rule: without origins there is none to make. */
export function requireOrigins({ cors }: Config): void {
  if (cors.origins.length === 0)
    throw new UsageError(
      'cors.origins is empty in the configuration: no page may upload, and no bucket needs a rule',
    );
}

export function bucketsIn(config: Config): CorsBucket[] {
  return Object.entries(config.s3.targets).flatMap(([target, settings]) =>
    [...bucketsOf(config, target)].map(([bucket, tenants]) => ({
      bucket,
      target,
      settings,
      subject: `bucket ${bucket} on ${target} (${tenants.join(', ')})`,
      origins: config.cors.origins,
      methods: methodsWith(config, settings, bucket),
    })),
  );
}

/** By all targets that are one server, such as with other credentials: a bucket has one rule, and the last one applied would be the only one. */
function methodsWith(config: Config, { endpoint }: TargetConfig, bucket: string): ReadonlySet<UploadMethod> {
  const targets = Object.entries(config.s3.targets).filter(([, one]) => one.endpoint.href === endpoint.href);
  return new Set(targets.flatMap(([name]) => [...methodsOn(config, name, bucket)]));
}
