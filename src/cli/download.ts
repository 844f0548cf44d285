import { ContentDiffers, ServiceProblem } from '../client/errors.ts';
import { downloadObject, type Downloaded } from '../client/download-object.ts';
import { safeFilename } from '../client/filename.ts';
import type { Slot } from '../client/model.ts';
import type { ServiceClient } from '../client/service.ts';
import { EXIT_INTERRUPTED } from './command.ts';
import { exitCodeOf, reportOf } from './partner/failure.ts';
import { openFileSink, streamSink, type Sink } from './partner/sink.ts';
import { openService, type PartnerOptions } from './partner/service.ts';
import { Progress } from './partner/progress.ts';
import { processTerminal, sayJson, sayLine, type Terminal } from './partner/terminal.ts';

export interface DownloadCommandOptions extends PartnerOptions {
  readonly output?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Downloads one object; the file appears under its name only when it is whole and right. */
export async function download(
  id: string,
  options: DownloadCommandOptions,
  env: NodeJS.ProcessEnv,
  terminal: Terminal = processTerminal,
): Promise<number> {
  const service = await openService(options, env, terminal.retry, (line) => sayLine(terminal.stderr, line));
  const stopping = new AbortController();
  const stopListening = terminal.onInterrupt(() => stopping.abort());
  // Standard output may be the object itself.
  const results = options.output === '-' ? terminal.stderr : terminal.stdout;
  try {
    const done = await fetchAndCheck(service, id, options, terminal, stopping.signal);
    if (options.json === true) sayJson(results, { id, ...done });
    else {
      sayLine(terminal.stderr, CHECKED[done.checked]);
      sayLine(results, `${id}  ${done.file}`);
    }
    return 0;
  } catch (error) {
    if (stopping.signal.aborted) return EXIT_INTERRUPTED;
    const failure = reportOf(error);
    if (options.json === true) sayJson(results, { id, error: failure });
    else sayLine(terminal.stderr, `${id}: ${failure.detail} (${failure.code})`);
    return exitCodeOf(error);
  } finally {
    stopListening();
    service.transport.close();
  }
}

/** What the bytes could be compared with. */
type Checked = 'sha256' | 'size' | 'nothing';

const CHECKED: Readonly<Record<Checked, string>> = {
  sha256: 'Size and SHA-256 are right.',
  size: 'The size is right; no SHA-256 was announced at the upload.',
  nothing:
    'Not checked: the API key lacks the scope uploads:read, so what was announced at the upload is not known.',
};

async function fetchAndCheck(
  service: ServiceClient,
  id: string,
  options: DownloadCommandOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Downloaded & { readonly file: string; readonly checked: Checked }> {
  const slot = await announced(service, id, signal);
  const progress = new Progress(terminal, {
    files: 1,
    bytes: slot?.size ?? 0,
  });
  let sink: Sink | undefined;
  let received = 0;
  const open = async (filename: string | undefined): Promise<Sink> => {
    if (options.output === '-') return streamSink(terminal.stdout);
    const file = options.output ?? safeFilename(slot?.filename ?? filename ?? id);
    return openFileSink(file, options.force === true);
  };
  try {
    const { size, sha256 } = await downloadObject(service, id, {
      signal,
      async onBegin({ size, filename }) {
        // Here, and not at the end: another object may be one that fills the disk.
        if (slot !== undefined && size !== slot.size) {
          throw new ContentDiffers(`The object has ${size} bytes; ${slot.size} were announced.`);
        }
        sink = await open(filename);
      },
      async write(chunk) {
        await sink?.write(chunk);
        received += chunk.length;
        if (options.json !== true) progress.moved(sink?.name ?? id, received);
      },
    });
    const checked = check(slot, sha256);
    await sink?.keep();
    return { file: sink?.name ?? '-', size, sha256, checked };
  } catch (error) {
    await sink?.drop();
    throw error;
  } finally {
    progress.clear();
  }
}

/** @returns undefined when the key may download but not look. */
async function announced(service: ServiceClient, id: string, signal: AbortSignal): Promise<Slot | undefined> {
  try {
    return await service.get(id, signal);
  } catch (error) {
    if (error instanceof ServiceProblem && error.code === 'insufficient_scope') return undefined;
    throw error;
  }
}

function check(slot: Slot | undefined, sha256: string): Checked {
  if (slot === undefined) return 'nothing';
  if (slot.sha256 === undefined) return 'size';
  if (sha256 === slot.sha256) return 'sha256';
  throw new ContentDiffers('The SHA-256 of what was downloaded differs from the one announced.');
}
