import { Option, type Command } from 'commander';
import type { ApplyOptions } from '../cors/apply.ts';
import type { CheckOptions } from '../cors/check.ts';
import type { PrintOptions } from '../cors/print.ts';
import { CONFIG_HELP, type Environment, type Finish } from './parts.ts';

/** What lets pages of `cors.origins` send to S3. */
export function addCorsCommands(program: Command, env: Environment, finish: Finish): void {
  const cors = program
    .command('cors')
    .summary('let web pages send to S3: the CORS rules of buckets')
    .description('Prints, sets and checks the CORS rules that buckets need for the pages of `cors.origins`.')
    .addHelpText('after', CONFIG_HELP);
  const bucket = () => new Option('--bucket <name>', 'only this bucket');
  cors
    .command('print')
    .description(
      'Prints the rule that each bucket needs, and asks nobody. The AWS commands replace the rules that a bucket has.',
    )
    .addOption(bucket())
    .addOption(
      new Option(
        '--format <format>',
        'commands of the AWS CLI, the JSON they take, or what MinIO is started with',
      )
        .choices(['aws', 'json', 'minio'])
        .default('aws'),
    )
    .action(async (options: PrintOptions) =>
      finish(await (await import('../cors/print.ts')).printCors(options, env)),
    );
  cors
    .command('apply')
    .description(
      'Sets the rule named `sealslot` in each bucket, leaves those of others alone, and checks. Run it again after a change of the configuration.',
    )
    .addOption(bucket())
    .option('--replace', 'take out rules of others that answer the same pages')
    .option('--dry-run', 'only say what would change')
    .addHelpText(
      'after',
      `
It needs s3:GetBucketCORS and s3:PutBucketCORS, which the service itself does not.
Exit codes: 0 set, or as it should be already; 1 not set everywhere, or browsers
are still stopped; 64 no origins, or wrong usage; 78 the configuration is wrong.${CONFIG_HELP}`,
    )
    .action(async (options: ApplyOptions) =>
      finish(await (await import('../cors/apply.ts')).applyCors(options, env)),
    );
  cors
    .command('check')
    .description(
      'Asks each bucket what a browser would ask it, for each origin, at the address that browsers use.',
    )
    .addOption(bucket())
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
✓ is right, ✗ is wrong, – is only advice. What the service answers itself needs no
check: it reads the same cors.origins.
Exit codes: 0 all right; 1 browsers are stopped; 78 the configuration is wrong.${CONFIG_HELP}`,
    )
    .action(async (options: CheckOptions) =>
      finish(await (await import('../cors/check.ts')).checkCors(options, env)),
    );
}
