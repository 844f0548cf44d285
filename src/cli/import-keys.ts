import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { decryptAge, type AgeIdentities } from '../custody/adapters/age.ts';
import { KeyFileInvalid, readKeyFile } from '../custody/key-export.ts';
import { importKeys, type KeyImport } from '../uploads/import-keys.ts';
import type { Services } from '../uploads/services.ts';
import {
  EX_DATAERR,
  EX_NOINPUT,
  EX_TEMPFAIL,
  EXIT_INTERRUPTED,
  explain,
  stopSignal,
  UsageError,
} from './command.ts';
import { KeysReport } from './import/keys-report.ts';
import { loadOperated, openServices } from './operator.ts';
import { readIdentities, readPassphrase, SecretFileUnusable } from './secret-file.ts';

export interface ImportKeysOptions {
  readonly keys: string;
  readonly identityFile?: string;
  readonly passphraseFile?: string;
  readonly tenant?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Restores slots from a file that `sealslot export` wrote, under the KEK of this configuration, beside a running service too. */
export async function importKeyFile(options: ImportKeysOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const { tenant, json = false } = options;
  if ((options.identityFile === undefined) === (options.passphraseFile === undefined)) {
    throw new UsageError('--keys needs either --identity-file or --passphrase-file');
  }
  const config = await loadOperated(env, tenant);
  const report = new KeysReport(process.stdout, process.stderr, json);
  try {
    const by = await identitiesOf(options);
    await using file = await openKeys(options.keys);
    await using opened = await openServices(config, { maybeNew: true });
    return await run(opened.services, { options, by, file, report });
  } catch (error) {
    if (error instanceof SecretFileUnusable) {
      process.stderr.write(`error: ${error.message}\n`);
      return EX_NOINPUT;
    }
    if (!(error instanceof KeyFileInvalid)) throw error;
    report.end(`error: ${error.message}`);
    return report.count === 0 ? EX_DATAERR : 1;
  }
}

async function identitiesOf({ identityFile, passphraseFile }: ImportKeysOptions): Promise<AgeIdentities> {
  if (identityFile !== undefined) return { identities: await readIdentities(identityFile) };
  return { passphrase: await readPassphrase(passphraseFile ?? '') };
}

async function openKeys(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new SecretFileUnusable(`${path}: ${isAbsent ? 'there is no such file' : explain(error)}`);
  }
}

interface Run {
  readonly options: ImportKeysOptions;
  readonly by: AgeIdentities;
  readonly file: FileHandle;
  readonly report: KeysReport;
}

async function run(services: Services, { options, by, file, report }: Run): Promise<number> {
  const interrupted = stopSignal();
  const stop = new AbortController();
  interrupted.addEventListener('abort', () => stop.abort());
  const pause: KeyImport['pause'] = (milliseconds) =>
    delay(milliseconds, undefined, { signal: stop.signal }).catch(() => undefined);
  const plain = await decryptAge(file.createReadStream({ autoClose: false }), by);
  const end = await importKeys(services, {
    items: readKeyFile(plain),
    tenant: options.tenant,
    dryRun: options.dryRun === true,
    report: (slot, outcome) => report.slot(slot, outcome),
    stop,
    pause,
  });
  if (end === undefined) {
    const isSignal = interrupted.aborted;
    report.end(`${isSignal ? 'Interrupted' : 'Nothing answers any more'}; run it again to go on.`);
    return isSignal ? EXIT_INTERRUPTED : EX_TEMPFAIL;
  }
  const missing = `warning: ${end.failed} keys are not in the file, since they did not open when it was made`;
  report.end(end.failed === 0 ? undefined : missing);
  return report.failed === 0 ? 0 : 1;
}
