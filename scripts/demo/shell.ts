import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';

export interface Shell extends AsyncDisposable {
  /** Runs a script in the same bash, so that variables stay. @returns its standard output. */
  run(script: string): Promise<string>;
}

/** A bash that ends at the first failing command. `onError` gets the lines of its standard error; `cwd` is where it begins. */
export function startShell(
  env: Record<string, string>,
  onError: (line: string) => void,
  cwd?: string,
): Shell {
  const bash = spawn('bash', ['--noprofile', '--norc', '-eu', '-o', 'pipefail', '-s'], {
    env: { ...process.env, ...env },
    stdio: 'pipe',
    ...(cwd !== undefined && { cwd }),
  });
  // A bash that has ended breaks the pipe; `closed` says so.
  bash.stdin.on('error', () => undefined);
  const closed = new Promise<never>((_resolve, reject) => {
    bash.once('error', reject);
    bash.once('close', (code) =>
      reject(new Error(`a command of the block failed (bash ended with ${String(code)})`)),
    );
  });
  closed.catch(() => undefined);
  const output = createInterface({ input: bash.stdout });
  const errors = createInterface({ input: bash.stderr });

  async function run(script: string): Promise<string> {
    const mark = randomUUID();
    const lines: string[] = [];
    const ends = [untilMark(output, mark, (line) => void lines.push(line)), untilMark(errors, mark, onError)];
    // The mark begins a line, whether or not what came before ended its own.
    bash.stdin.write(`${script}\nprintf '\\n%s\\n' ${mark}; printf '\\n%s\\n' ${mark} >&2\n`);
    await Promise.race([Promise.all(ends), closed]);
    return lines.join('\n').trim();
  }

  return {
    run,
    async [Symbol.asyncDispose]() {
      bash.stdin.end();
      bash.kill();
      await closed.catch(() => undefined);
    },
  };
}

function untilMark(
  lines: ReturnType<typeof createInterface>,
  mark: string,
  take: (line: string) => void,
): Promise<void> {
  return new Promise((resolve) => {
    const onLine = (line: string): void => {
      if (line !== mark) {
        take(line);
        return;
      }
      lines.off('line', onLine);
      resolve();
    };
    lines.on('line', onLine);
  });
}
