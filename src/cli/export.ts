import { lstat, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FileUnusable } from '../client/errors.ts';
import { AgeKeyInvalid, encryptAge, type AgeRecipients } from '../custody/adapters/age.ts';
import type { KeyFileEnd } from '../custody/key-export.ts';
import { DependencyUnavailable } from '../errors.ts';
import { exportKeys } from '../uploads/export-keys.ts';
import type { Services } from '../uploads/services.ts';
import { EX_NOINPUT, EX_TEMPFAIL, EXIT_INTERRUPTED, explain, stopSignal, UsageError } from './command.ts';
import { FewOfEach } from './few-of-each.ts';
import { loadOperated, openServices } from './operator.ts';
import { openFileSink, type Sink } from './partner/sink.ts';
import { sayLine } from './partner/terminal.ts';
import { readNewPassphrase, SecretFileUnusable } from './secret-file.ts';

export interface ExportOptions {
  readonly recipient?: readonly string[];
  readonly passphraseFile?: string;
  readonly output: string;
  readonly tenant?: string;
}

/** Writes all living keys into one encrypted file, beside a running service too. The file gets its name when all of it is on disk. */
export async function exportToFile(options: ExportOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const { output, tenant } = options;
  checkRecipients(options);
  const config = await loadOperated(env, tenant);
  try {
    const to = await recipientsOf(options);
    await checkOutput(output);
    const sink = await openFileSink(output, false).catch((error: unknown) => {
      throw error instanceof FileUnusable ? new FileUnusable(`${output}: ${error.message}`) : error;
    });
    try {
      await using opened = await openServices(config);
      return await run(opened.services, { tenant, to, sink });
    } finally {
      // Nothing stays of a file that was not kept.
      await sink.drop();
    }
  } catch (error) {
    if (error instanceof AgeKeyInvalid) throw new UsageError(error.message);
    const isFile = error instanceof FileUnusable || error instanceof SecretFileUnusable;
    if (!isFile && !(error instanceof DependencyUnavailable)) throw error;
    process.stderr.write(`error: ${isFile ? error.message : explain(error)}\n`);
    return isFile ? EX_NOINPUT : EX_TEMPFAIL;
  }
}

function checkRecipients({ recipient = [], passphraseFile }: ExportOptions): void {
  if (recipient.length > 0 === (passphraseFile !== undefined)) {
    throw new UsageError('either --recipient, once or more, or --passphrase-file');
  }
  if (recipient.some((text) => !text.startsWith('age1'))) {
    throw new UsageError('--recipient: age1…, the public half that age-keygen prints; never the identity');
  }
}

async function recipientsOf({ recipient = [], passphraseFile }: ExportOptions): Promise<AgeRecipients> {
  if (passphraseFile === undefined) return { recipients: recipient };
  return { passphrase: await readNewPassphrase(passphraseFile) };
}

/** Also keeps it off terminals: those exist. */
async function checkOutput(path: string): Promise<void> {
  // The dot keeps the folder of a path that ends in a slash.
  const folder = dirname(`${path}.`);
  const facts = await stat(folder).catch(() => undefined);
  if (facts?.isDirectory() !== true) throw new FileUnusable(`${path}: there is no folder ${folder}.`);
  const entry = await lstat(path).catch(() => undefined);
  if (entry !== undefined) throw new FileUnusable(`${path} exists, and is never overwritten.`);
}

interface Run {
  readonly tenant: string | undefined;
  readonly to: AgeRecipients;
  readonly sink: Sink;
}

async function run(services: Services, { tenant, to, sink }: Run): Promise<number> {
  const stop = stopSignal();
  let end: KeyFileEnd | undefined;
  const few = new FewOfEach();
  const lines = exportKeys(services, {
    tenant,
    unopened({ uploadId, generation }, why) {
      if (few.says(why)) sayLine(process.stderr, `${uploadId} generation ${generation}: ${why}`);
    },
    ended: (told) => (end = told),
    pause: (milliseconds) => delay(milliseconds, undefined, { signal: stop }).catch(() => undefined),
  });
  for await (const chunk of await encryptAge(bytesOf(lines), to)) {
    if (stop.aborted) {
      process.stderr.write('Interrupted; nothing was written.\n');
      return EXIT_INTERRUPTED;
    }
    await sink.write(Buffer.from(chunk));
  }
  for (const line of few.unsaid()) sayLine(process.stderr, line);
  const { keys = 0, slots = 0, failed = 0 } = end ?? {};
  if (keys === 0) {
    // A file of nothing in the safe would pass for a backup.
    const why = failed === 0 ? 'There are no keys to export' : `None of ${failed} keys opened`;
    sayLine(process.stderr, `${why}; nothing was written.`);
    return 1;
  }
  await sink.keep();
  await syncFolderOf(sink.name);
  const left = failed === 0 ? '' : `; ${failed} did not open and are not in it`;
  process.stdout.write(`${sink.name}: ${keys} keys of ${slots} uploads${left}\n`);
  return failed === 0 ? 0 : 1;
}

async function* bytesOf(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array, void> {
  const encoder = new TextEncoder();
  for await (const line of lines) yield encoder.encode(line);
}

async function syncFolderOf(path: string): Promise<void> {
  await using folder = await open(dirname(path), 'r');
  await folder.sync();
}
