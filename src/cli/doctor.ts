import { inspectStore, openKeks } from '../composition.ts';
import { UNCOUNTED } from '../custody/counted.ts';
import { ConfigErrors } from '../config/errors.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/config.ts';
import { examine } from '../doctor/examine.ts';
import type { Finding } from '../doctor/finding.ts';
import { exitCodeOf, jsonReport, TextReport } from '../doctor/report.ts';
import { createTarget } from '../s3/adapters/target.ts';
import { configPath, EX_CONFIG, EXIT_INTERRUPTED, stopSignal, UsageError } from './command.ts';

export interface DoctorOptions {
  readonly target?: string;
  readonly json?: boolean;
  readonly explain?: boolean;
}

/** Examines everything, says what it finds as it goes, and removes what it made, also after Ctrl-C. */
export async function doctor(options: DoctorOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const path = configPath(env);
  const config = await load(path, env, options);
  if (config === undefined) return EX_CONFIG;
  const signal = interruption();
  const report = new TextReport(
    { explain: options.explain === true, colours: process.stdout.isTTY && env.NO_COLOR === undefined },
    (text) => void process.stdout.write(text),
  );
  const findings: Finding[] = [];
  const context = {
    config,
    configPath: path,
    openKeks: (config: Config) => openKeks(config, UNCOUNTED),
    openTarget: createTarget,
    inspectStore,
    now: Date.now,
    signal,
  };
  for await (const finding of examine(context, targetsOf(config, options.target))) {
    findings.push(finding);
    if (options.json !== true) report.add(finding);
  }
  if (signal.aborted) {
    return EXIT_INTERRUPTED;
  }
  if (options.json === true) process.stdout.write(jsonReport(findings));
  else report.end(findings);
  return exitCodeOf(findings);
}

/** @returns undefined when the mistakes were printed as JSON; otherwise they are thrown, for the terminal. */
async function load(
  path: string,
  env: NodeJS.ProcessEnv,
  options: DoctorOptions,
): Promise<Config | undefined> {
  try {
    return await loadConfig({ path, env });
  } catch (error) {
    if (!(error instanceof ConfigErrors) || options.json !== true) throw error;
    process.stdout.write(`${JSON.stringify({ exitCode: EX_CONFIG, mistakes: error.mistakes }, null, 2)}\n`);
    return undefined;
  }
}

function targetsOf(config: Config, target: string | undefined): string[] {
  const names = Object.keys(config.s3.targets);
  if (target === undefined) return names;
  if (names.includes(target)) return [target];
  throw new UsageError(`--target ${target}: must be one of ${names.join(', ')}`);
}

/** A signal, or a reader that goes away (`| head`), asks for an orderly end. */
function interruption(): AbortSignal {
  const stop = stopSignal();
  stop.addEventListener('abort', () =>
    process.stderr.write('\nInterrupted; removing what the doctor has made …\n'),
  );
  const unread = new AbortController();
  process.stdout.once('error', () => unread.abort());
  return AbortSignal.any([stop, unread.signal]);
}
