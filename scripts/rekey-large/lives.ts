import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startService, type Service } from '../../test/support/service.ts';

const LOOK_EVERY_MS = 250;

/** What Linux says of a process. */
export interface Used {
  /** Bytes. */
  readonly peakMemory: number;
  /** Bytes, of files and of connections. */
  readonly read: number;
}

/** One life of the service, from its start to its end or its kill. */
export interface Life extends AsyncDisposable {
  readonly service: Service;
  used(): Promise<Used>;
}

export async function startLife(dir: string): Promise<Life> {
  // `exec` keeps the process id.
  const wrapper = ['sh', '-c', 'echo $$ > service.pid; exec "$0" "$@"'];
  const service = await startService({ dir, wrapper });
  const pid = (await readFile(join(dir, 'service.pid'), 'utf8')).trim();
  return {
    service,
    async used() {
      const [status, io] = await Promise.all(
        ['status', 'io'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8')),
      );
      const number = (pattern: RegExp, text = ''): number => Number(pattern.exec(text)?.[1]);
      return {
        peakMemory: number(/^VmHWM:\s+(\d+) kB$/m, status) * 1024,
        read: number(/^rchar: (\d+)$/m, io),
      };
    },
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}

/** @throws the reason of `stop`; when it takes too long. */
export async function until(
  what: string,
  isSo: () => Promise<boolean>,
  { stop, minutes = 40 }: { stop: AbortSignal; minutes?: number },
): Promise<void> {
  const end = Date.now() + minutes * 60_000;
  while (!(await isSo())) {
    stop.throwIfAborted();
    if (Date.now() > end) throw new Error(`${what}: not in ${minutes} minutes`);
    await delay(LOOK_EVERY_MS);
  }
}
