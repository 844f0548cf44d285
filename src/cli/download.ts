import { downloadChecked, type Checked } from '../client/node/checked-download.ts';
import type { Downloaded } from '../client/node/download-object.ts';
import { safeFilename } from '../client/node/filename.ts';
import type { Transport } from '../client/node/transport.ts';
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

const CHECKED: Readonly<Record<Checked, string>> = {
  sha256: 'Size and SHA-256 are right.',
  size: 'The size is right; no SHA-256 was announced at the upload.',
  nothing:
    'Not checked: the API key lacks the scope uploads:read, so what was announced at the upload is not known.',
};

async function fetchAndCheck(
  service: ServiceClient<Transport>,
  id: string,
  options: DownloadCommandOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Downloaded & { readonly file: string; readonly checked: Checked }> {
  let progress: Progress | undefined;
  let sink: Sink | undefined;
  let received = 0;
  const open = async (filename: string | undefined): Promise<Sink> => {
    if (options.output === '-') return streamSink(terminal.stdout);
    const file = options.output ?? safeFilename(filename ?? id);
    return openFileSink(file, options.force === true);
  };
  try {
    const done = await downloadChecked(service, id, {
      signal,
      async onBegin({ size, filename }) {
        progress = new Progress(terminal, { files: 1, bytes: size });
        sink = await open(filename);
      },
      async write(chunk) {
        await sink?.write(chunk);
        received += chunk.length;
        if (options.json !== true) progress?.moved(sink?.name ?? id, received);
      },
    });
    await sink?.keep();
    return { file: sink?.name ?? '-', ...done };
  } catch (error) {
    await sink?.drop();
    throw error;
  } finally {
    progress?.clear();
  }
}
