import { corsDocument, minioSetting, ruleFor } from '../../cors/rule.ts';
import { s3api } from '../../doctor/ask.ts';
import { UsageError } from '../command.ts';
import { loadBuckets, requireOrigins, type CorsBucket, type CorsOptions } from './buckets.ts';

export interface PrintOptions extends CorsOptions {
  readonly format: 'aws' | 'json' | 'minio';
}

/** Says what each bucket needs. Asks nobody, so it needs no network. */
export async function printCors(options: PrintOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const { config, buckets } = await loadBuckets(options, env);
  requireOrigins(config);
  process.stdout.write(textIn(options.format, buckets));
  return 0;
}

function textIn(format: PrintOptions['format'], buckets: readonly CorsBucket[]): string {
  if (format === 'aws') return buckets.map((one) => `# ${one.subject}\n${commandFor(one)}\n`).join('');
  if (format === 'minio') return `${minioSetting(buckets[0]?.origins ?? [])}\n`;
  const documents = new Set(buckets.map((one) => corsDocument([ruleFor(one)], 2)));
  if (documents.size > 1) {
    const names = [...new Set(buckets.map(({ bucket }) => bucket))].join(', ');
    throw new UsageError(`the buckets need different rules: say which by --bucket, one of ${names}`);
  }
  return `${[...documents].join('')}\n`;
}

function commandFor({ bucket, settings, ...need }: CorsBucket): string {
  return s3api(
    bucket,
    settings,
    'put-bucket-cors',
    `--cors-configuration '${corsDocument([ruleFor(need)])}'`,
  );
}
