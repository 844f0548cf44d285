import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { environmentOf, outside, type Image } from './image.ts';

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

export interface Container {
  /** All it has written so far. */
  output(): string;
  /** What `docker stop` does. */
  stop(): Promise<Ended>;
  kill(): void;
}

const STOP_GRACE_MS = 10_000;

type Env = Readonly<Record<string, string>>;

/** `docker run IMAGE …`, to its end: as the image's user when this is root, else as whoever this is. */
export async function runToEnd(image: Image, command: readonly string[], env: Env = {}): Promise<Ended> {
  const child = start(image, command, env);
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return { code: child.exitCode, output: output + errors };
}

/** `docker run --detach IMAGE …` */
export function runDetached(image: Image, command: readonly string[], env: Env = {}): Container {
  const child = start(image, command, env);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (data: string) => (output += data));
  const ended = once(child, 'exit');
  return {
    output: () => output,
    kill: () => void child.kill('SIGKILL'),
    async stop() {
      child.kill(image.stopSignal as NodeJS.Signals);
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
      await ended;
      clearTimeout(late);
      return { code: child.exitCode, output };
    },
  };
}

function start(image: Image, command: readonly string[], env: Env): ReturnType<typeof spawnPiped> {
  const [program = '', ...args] = command.map((word) => outside(image, word));
  const [uid, gid] = image.user.split(':').map(Number);
  if (uid === undefined || gid === undefined || !(uid > 0))
    throw new Error(`USER ${image.user}: must be uid:gid, not root`);
  const identity = process.getuid?.() === 0 ? { uid, gid } : {};
  const mapped = Object.entries(env).map(([name, value]) => [name, outside(image, value)] as const);
  return spawnPiped(program, args, {
    cwd: outside(image, image.workdir),
    env: { ...environmentOf(image), ...Object.fromEntries(mapped) },
    ...identity,
  });
}

function spawnPiped(program: string, args: readonly string[], options: object) {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  return child;
}
