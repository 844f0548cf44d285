import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { environment, startService, type Service } from '../../test/support/service.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

/** What is run is what is printed: one line of bash after the other, in one folder. */
export interface Runbook {
  readonly dir: string;
  /** @param exitCode the one it has to end with. @returns its standard output. */
  readonly run: (line: string, exitCode?: number) => Promise<string>;
  /** `sealslot serve` beside the commands that follow, until it is stopped. */
  readonly serve: () => Promise<Service>;
}

/** A folder of commands with a `sealslot` that is this repository's. */
export async function makeBin(root: string): Promise<string> {
  const bin = join(root, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'sealslot'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  await chmod(join(bin, 'sealslot'), 0o755);
  return bin;
}

export interface RunbookOptions {
  readonly dir: string;
  readonly bin: string;
  /** PEM certificates that clients of S3 have to trust. */
  readonly caFile: string;
  /** Once aborted, nothing is begun. */
  readonly stop: AbortSignal;
}

export function openRunbook({ dir, bin, caFile, stop }: RunbookOptions): Runbook {
  let endpoint = '';

  function env(): NodeJS.ProcessEnv {
    const inherited = environment(dir);
    return {
      ...inherited,
      PATH: [bin, inherited['PATH'] ?? ''].join(delimiter),
      SEALSLOT_CA_FILE: caFile,
      ...(endpoint !== '' && { SEALSLOT_ENDPOINT: endpoint }),
    };
  }

  return {
    dir,

    async run(line, exitCode = 0) {
      if (stop.aborted) throw new Error('interrupted');
      say(`$ ${line}`);
      const { code, stdout, stderr } = await bash(line, dir, env());
      // Lines of JSON are for this program.
      for (const said of (stdout + stderr).trimEnd().split('\n')) if (!said.startsWith('{')) say(`  ${said}`);
      if (code !== exitCode)
        throw new Error(`"${line}" ended with ${code} in place of ${exitCode}\n${stdout}`);
      if (code !== 0) say(`  (exit code ${code})`);
      return stdout;
    },

    async serve() {
      if (stop.aborted) throw new Error('interrupted');
      say('$ sealslot serve &');
      const service = await startService({ dir });
      endpoint = service.url;
      say(`$ export SEALSLOT_ENDPOINT=${endpoint}`);
      return service;
    },
  };
}

function say(line: string): void {
  if (line.trim() !== '') console.log(`    ${line}`);
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function bash(line: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  // Files that are made hold secrets.
  execFile('bash', ['-c', `umask 077; ${line}`], { cwd, env }, (error, stdout, stderr) =>
    resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr }),
  );
  return promise;
}
