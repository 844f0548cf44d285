import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { environment } from '../support/service.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

export interface Row {
  readonly bucket: string;
  readonly objectKey: string;
  readonly customerKey: string;
}

/** `sealslot import` under way; its standard input stays open until `end`. */
export function startImport(dir: string, ...args: string[]) {
  const child = spawn(process.execPath, [MAIN, 'import', '--tenant', 'acme', ...args], {
    cwd: dir,
    env: environment(dir),
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output.stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (output.stderr += chunk));
  // A killed reader is a part of the test.
  child.stdin.on('error', () => undefined);
  const closed = once(child, 'close');
  return {
    output,
    stdin: child.stdin,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    lines: () => output.stdout.split('\n').length - 1,
    async end(input = ''): Promise<{ status: number | null; stdout: string; stderr: string }> {
      child.stdin.end(input);
      await closed;
      return { status: child.exitCode, ...output };
    },
  };
}

export const newKey = () => randomBytes(32).toString('base64');

export function toCsv(rows: readonly Row[]): string {
  const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
  const lines = rows.map((row) => [row.bucket, row.objectKey, row.customerKey].map(quoted).join());
  return `bucket,objectKey,customerKey\n${lines.join('\n')}\n`;
}

export const toNdjson = (rows: readonly Row[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
