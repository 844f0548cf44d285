import { SCOPES } from '../access/principal.ts';
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { CreateOptions } from './api-key.ts';
import type { Shell } from './completion.ts';
import type { CurlCommandOptions } from './curl.ts';
import type { DoctorOptions } from './doctor.ts';
import type { DownloadCommandOptions } from './download.ts';
import type { ImportOptions } from './import.ts';
import type { InitOptions } from './init.ts';
import { addCorsCommands } from './program/cors.ts';
import { addCustodyCommands } from './program/custody.ts';
import { addRecoveryCommands } from './program/recovery.ts';
import { CONFIG_HELP, count, type Environment, type Finish } from './program/parts.ts';
import { addStoreCommands } from './program/store.ts';
import { addWebhookCommands } from './program/webhooks.ts';
import type { UploadCommandOptions } from './upload.ts';

const PARTNER_HELP = `
The API key comes from SEALSLOT_API_KEY or --api-key-file, never from the
command line, where ps would show it. --ca-file is for a private CA of the
service or of its S3.`;

const EXIT_HELP = `
Exit codes: 0 all done; 64 wrong usage; 65 refused for good, or the bytes
differ; 66 a file cannot be read or written; 75 try again later; 77 the API key
is not accepted; 1 several of these; 130 interrupted.`;

/**
 * Every command and its options. The code behind one is imported when it runs, so that help costs nothing.
 */
export function createProgram(env: Environment, finish: Finish): Command {
  const program = new Command('sealslot')
    .description('Issues upload slots: presigned S3 uploads under SSE-C, one random key per object.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .showHelpAfterError('(--help lists what there is)')
    .addHelpText('after', CONFIG_HELP)
    // Throws instead of ending the process; subcommands inherit it.
    .exitOverride();

  program.commandsGroup('For operators:');
  program
    .command('serve')
    .summary('answer requests until SIGTERM; SIGHUP reloads the configuration')
    .description(
      'Answers requests until SIGTERM or SIGINT, then finishes what is in flight. SIGHUP reads the configuration again. ' +
        'An S3 target that would lose or leak keys is refused with exit code 2; `sealslot doctor` tells more.',
    )
    .addHelpText('after', CONFIG_HELP)
    .action(async () => finish(await (await import('./serve.ts')).serve(env)));
  program
    .command('doctor')
    .summary('find out whether configuration, store, KEK and S3 are right')
    .description(
      'Examines configuration, files, store, custody and each S3 target, puts a few canary objects into each bucket and removes them.',
    )
    .option('--target <name>', 'only this S3 target')
    .option('--explain', 'say of every line what it means')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
✓ is right, ✗ is wrong, – could not be examined or is only advice.
Exit codes: 0 all right; 1 a feature is off; 2 unsafe, do not serve; 78 the
configuration is wrong; 130 interrupted.${CONFIG_HELP}`,
    )
    .action(async (options: DoctorOptions) =>
      finish(await (await import('./doctor.ts')).doctor(options, env)),
    );
  program
    .command('init')
    .summary('make a key-encryption key file')
    .description('Makes a key-encryption key (KEK) file. It never overwrites one.')
    .option('--kek-file <file>', 'where to write it', 'kek.json')
    .action(async (options: InitOptions) => finish(await (await import('./init.ts')).init(options)));
  addApiKey(program, env, finish);
  program
    .command('import')
    .summary('take over SSE-C objects whose keys you have')
    .description(
      'Takes over existing SSE-C objects: each is proven by HEAD with its key; then the key is wrapped and stored. Rows are ' +
        'bucket, objectKey, customerKey (base64 of 32 bytes), as CSV with a header line or as NDJSON. Run it again to go on after an end.',
    )
    .argument('[file]', 'rows; standard input when left out', '-')
    .option('--tenant <name>', 'the tenant that gets the objects; with --keys, only its slots')
    .addOption(
      new Option('--format <format>', 'of the rows; by default from the file name, else csv').choices([
        'csv',
        'ndjson',
      ]),
    )
    .option('--json', 'print one JSON line per object instead of a summary')
    .option('--keys <file>', 'restore slots from what `sealslot export` wrote, in place of rows')
    .option('--identity-file <file>', 'with --keys: the age identities that open it')
    .option('--passphrase-file <file>', 'with --keys: the passphrase that opens it')
    .option('--dry-run', 'with --keys: store nothing')
    .addHelpText(
      'after',
      `
Pipe the keys: decrypt … | sealslot import --tenant acme
Exit codes: 0 all taken over, now or before; 1 some are not, and the report says
why, or the file of --keys breaks off; 65 a wrong header, or nothing opens the
file; 66 a file cannot be read; 75 try again later; 78 the configuration is
wrong; 130 interrupted.${CONFIG_HELP}`,
    )
    .action(async (file: string, options: ImportOptions) =>
      finish(await (await import('./import.ts')).importObjects(file, options, env)),
    );
  addWebhookCommands(program, env, finish);
  addStoreCommands(program, env, finish);
  addCorsCommands(program, env, finish);

  program.commandsGroup('For the keeper of the keys:');
  addCustodyCommands(program, env, finish);
  addRecoveryCommands(program, env, finish);

  program.commandsGroup('For partners:');
  partner(program.command('upload'))
    .summary('upload files')
    .description(
      'Uploads files: asks for a slot, sends the bytes to S3, has the service confirm them. Run it again to go on after ' +
        'an end: files that have arrived are not sent again for 24 hours, with --journal for good; of one that goes in parts, ' +
        'only those that S3 does not have are sent. From 256 MiB on files go in parts.',
    )
    .argument('[files...]')
    .option('-r, --recursive <dir>', 'all files below this folder')
    .option('--content-type <type>', 'of all files; by default by their names')
    .option('--parallel <count>', 'files at once', count(64), 4)
    .addOption(
      new Option('--method <method>', 'how files go: whole, in parts, or by their size')
        .choices(['auto', 'PUT', 'multipart'])
        .default('auto'),
    )
    .option('--part-size <MiB>', 'of each part; by default the service chooses', count(5120, 5))
    .option('--parallel-parts <count>', 'parts of a file at once', count(64), 4)
    .option('--journal <file>', 'note here what is done, and leave that out next time')
    .option('--json', 'print one JSON line per file instead of progress')
    .addHelpText('after', PARTNER_HELP + EXIT_HELP)
    .action(async (files: string[], options: UploadCommandOptions) =>
      finish(await (await import('./upload.ts')).upload(files, options, env)),
    );
  partner(program.command('download'))
    .summary('download an object')
    .description('Downloads the object of an upload and checks size and SHA-256.')
    .argument('<id>', 'the id of the upload')
    .option('-o, --output <file>', 'where to write it, - for standard output; by default its filename, here')
    .option('--force', 'overwrite an existing file')
    .option('--json', 'print one JSON line instead of progress')
    .addHelpText('after', PARTNER_HELP + EXIT_HELP)
    .action(async (id: string, options: DownloadCommandOptions) =>
      finish(await (await import('./download.ts')).download(id, options, env)),
    );
  program
    .command('curl')
    .summary('print the commands that upload a file with curl')
    .description(
      'Prints a bash script that uploads the file with curl and jq, and sends nothing. It reads the API key from API_KEY.',
    )
    .argument('<file>')
    .addOption(endpoint())
    .option('--content-type <type>', 'by default by its name')
    .action(async (file: string, options: CurlCommandOptions) =>
      finish(await (await import('./curl.ts')).curl(file, options)),
    );

  program.commandsGroup('Shell:');
  program
    .command('completion')
    .summary('print a completion script')
    .description('Prints a completion script: source <(sealslot completion bash)')
    .addArgument(program.createArgument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: Shell) => {
      const { completionScript } = await import('./completion.ts');
      process.stdout.write(completionScript(program, shell));
      finish(0);
    });
  return program;
}

function addApiKey(program: Command, env: Environment, finish: Finish): void {
  const apiKey = program
    .command('api-key')
    .summary('make, list and revoke API keys')
    .description('Makes, lists and revokes API keys, also beside a running service.')
    .addHelpText('after', CONFIG_HELP);
  apiKey
    .command('create')
    .description('Makes a key and prints it to standard output, only now.')
    .requiredOption('--tenant <name>', 'the tenant it belongs to')
    .requiredOption('--name <name>', 'its name; the slots it makes belong to this name')
    .requiredOption('--scopes <scopes>', `${SCOPES.join(', ')}; by commas`)
    .option('--expires <time>', 'its end, as 2027-01-31T00:00:00Z')
    .action(async (options: CreateOptions) =>
      finish(await (await import('./api-key.ts')).createKey(options, env)),
    );
  apiKey
    .command('list')
    .description('Lists all keys, one JSON line each, without their secrets.')
    .action(async () => finish(await (await import('./api-key.ts')).listKeys(env)));
  apiKey
    .command('revoke')
    .description('Revokes a key, at once.')
    .argument('<id>')
    .action(async (id: string) => finish(await (await import('./api-key.ts')).revokeKey(id, env)));
}

/** What every command that talks to a service takes. */
function partner(command: Command): Command {
  return command
    .addOption(endpoint())
    .option('--api-key-file <file>', 'a file that holds the API key')
    .addOption(
      new Option('--ca-file <file>', 'PEM certificates to trust beside the usual ones').env(
        'SEALSLOT_CA_FILE',
      ),
    );
}

function endpoint(): Option {
  return new Option('--endpoint <url>', 'the service').env('SEALSLOT_ENDPOINT').makeOptionMandatory();
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
