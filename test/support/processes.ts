import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { request } from 'node:https';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const STOP_GRACE_MS = 5_000;
const POLL_MS = 50;
const KEPT_LINES = 40;
/** Below the ports that the kernel gives to whoever names none, who would take one before it is used. */
const NOT_GIVEN_OUT = [20_000, 32_000] as const;

export interface Running extends AsyncDisposable {
  readonly pid: number;
  /** Its last lines of output, for messages. */
  tail(): string;
  exitCode(): number | undefined;
  /** Resolves with the exit code when it ends (128 + signal when killed). */
  readonly ended: Promise<number>;
  /** SIGTERM, then SIGKILL. Repeatable. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** Replaces the environment's values of the same name. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly log?: (line: string) => void;
}

const children = new Set<ChildProcess>();
let cleaningUp = false;

function killAll(): void {
  for (const child of children) child.kill('SIGKILL');
}

/** A parent that ends, by itself or by a signal, takes its children along. */
function cleanUpAtExit(): void {
  if (cleaningUp) return;
  cleaningUp = true;
  process.once('exit', killAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      killAll();
      // Our handler is gone by now: without another one the signal has its usual effect.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    });
  }
}

/** Starts a child. Rejects when the command cannot be run at all. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: StartOptions = {},
): Promise<Running> {
  cleanUpAtExit();
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) => {
      children.delete(child);
      resolve(signal === null ? (code ?? 0) : 128 + constants.signals[signal]);
    });
  });
  await once(child, 'spawn');
  children.add(child);

  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
      options.log?.(line);
    });
  }

  let code: number | undefined;
  void ended.then((value) => (code = value));
  const stop = async (): Promise<void> => {
    if (code !== undefined) return;
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    child.kill('SIGTERM');
    await ended;
    clearTimeout(kill);
  };
  return {
    pid: child.pid ?? 0,
    tail: () => lines.join('\n'),
    exitCode: () => code,
    ended,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Waits until `condition` holds; gives up, with the process's last output, when it ends or time is over. */
export async function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
  options: { running?: Running; timeoutMs?: number } = {},
): Promise<void> {
  const end = Date.now() + (options.timeoutMs ?? 30_000);
  const { running } = options;
  while (!(await condition())) {
    const exit = running?.exitCode();
    if (exit !== undefined)
      throw new Error(`${what}: the process ended with ${exit}\n${running?.tail() ?? ''}`);
    if (Date.now() > end) throw new Error(`${what}: not in time\n${running?.tail() ?? ''}`);
    await delay(POLL_MS);
  }
}

/** True when `url` answers 200 with a certificate that `ca` vouches for. */
export function answers(url: string, ca: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request(url, { ca, agent: false, timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(false));
    call.end();
  });
}

/** Ports that were free a moment ago on 127.0.0.1, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  while (servers.length < count) {
    const server = createServer().listen(randomInt(...NOT_GIVEN_OUT), '127.0.0.1');
    await once(server, 'listening').then(
      () => servers.push(server),
      () => undefined,
    );
  }
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export async function freePort(): Promise<number> {
  return (await freePorts(1))[0] ?? 0;
}
