import type { UploadMethod } from '../client/asks.ts';
import { contentTypeOf } from '../client/node/content-type.ts';
import { openLocalFile } from '../client/node/local-file.ts';
import type { PartnerService } from '../client/node/partner-service.ts';
import { uploadSource } from '../client/node/upload.ts';
import { EXIT_INTERRUPTED, UsageError } from './command.ts';
import { exitCodeOf, exitCodeOfAll, stopsAll } from './partner/failure.ts';
import { findFiles, type FoundFile, type LostFile } from './partner/files.ts';
import { openJournal, type Journal } from './partner/journal.ts';
import { openService, type PartnerOptions } from './partner/service.ts';
import { processTerminal, sayLine, type Terminal } from './partner/terminal.ts';
import { UploadReport, type Done } from './partner/upload-report.ts';

export interface UploadCommandOptions extends PartnerOptions {
  readonly recursive?: string;
  readonly contentType?: string;
  readonly parallel: number;
  readonly method: UploadMethod;
  /** MiB. */
  readonly partSize?: number;
  readonly parallelParts: number;
  readonly journal?: string;
  readonly json?: boolean;
}

const INTERRUPT = 'Ctrl-C';
const MIB = 1024 ** 2;

/** Uploads files, several at once. One that fails does not stop the others, unless all would fail as it did. */
export async function upload(
  files: readonly string[],
  options: UploadCommandOptions,
  env: NodeJS.ProcessEnv,
  terminal: Terminal = processTerminal,
): Promise<number> {
  if (files.length === 0 && options.recursive === undefined) {
    throw new UsageError('upload needs files, or a folder by -r');
  }
  if (options.method === 'PUT' && options.partSize !== undefined) {
    throw new UsageError('--part-size: a file that goes by --method PUT has no parts');
  }
  let say = (line: string): void => sayLine(terminal.stderr, line);
  const service = await openService(options, env, terminal.retry, (line) => say(line));
  await using journal = options.journal === undefined ? undefined : await openJournal(options.journal);
  const all = await findFiles(files, options.recursive, (path, why) => say(`${path}: left out, ${why}`));
  const todo = all.filter((file) => !('realPath' in file) || file.realPath !== journal?.realPath);
  const report = new UploadReport(terminal, todo, options.json === true);
  say = (line) => report.say(line);

  const stopping = new AbortController();
  const stopListening = terminal.onInterrupt(() => stopping.abort(INTERRUPT));
  const failures = new Set<number>();
  try {
    await eachOf(todo, options.parallel, stopping.signal, async (file) => {
      try {
        const done = await uploadOne(service, journal, file, options, report, stopping.signal);
        report.done(file, done);
      } catch (error) {
        if (stopping.signal.aborted) return;
        failures.add(exitCodeOf(error));
        report.failed(file, error);
        if (stopsAll(error)) stopping.abort();
      }
    });
  } finally {
    stopListening();
    service.transport.close();
  }
  report.end();
  if (stopping.signal.reason !== INTERRUPT) return exitCodeOfAll(failures);
  say('Interrupted; run the same command again to go on.');
  return EXIT_INTERRUPTED;
}

async function uploadOne(
  service: PartnerService,
  journal: Journal | undefined,
  found: FoundFile | LostFile,
  options: UploadCommandOptions,
  report: UploadReport,
  signal: AbortSignal,
): Promise<Done> {
  if ('error' in found) throw found.error;
  const { endpoint } = service;
  const facts = {
    file: found.realPath,
    size: found.size,
    modifiedAt: found.modifiedAt.toISOString(),
    endpoint,
  };
  const noted = journal?.find(facts);
  if (noted !== undefined) {
    return { outcome: 'already', id: noted.id, size: noted.size, sha256: noted.sha256 };
  }

  await using file = await openLocalFile(found.path);
  report.sent(found, { bytes: 0, resumed: 0 });
  const { outcome, slot, sha256, verified } = await uploadSource(service, file, {
    filename: found.filename,
    contentType: options.contentType ?? contentTypeOf(found.filename),
    method: options.method,
    partSize: options.partSize === undefined ? undefined : options.partSize * MIB,
    parallelParts: options.parallelParts,
    signal,
    onProgress: (progress) => report.sent(found, progress),
  });
  const { id, objectKey } = slot;
  const modifiedAt = file.modifiedAt.toISOString();
  await journal?.note({ file: file.realPath, size: file.size, modifiedAt, sha256, id, endpoint });
  return { outcome, id, size: file.size, sha256, objectKey, verified };
}

/** Takes the items in order, so many at once, until the signal. */
async function eachOf<T>(
  items: readonly T[],
  parallel: number,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      if (signal.aborted) return;
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, items.length) }, worker));
}
