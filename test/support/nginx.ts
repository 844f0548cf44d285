import { existsSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MissingBackend } from './available.ts';
import { findCommand } from './cache.ts';
import { freePort, startProcess, waitUntil } from './processes.ts';
import { scratchFolder } from './s3-server.ts';

/** nginx with the configuration of the balancer, `docker/scale/nginx.conf`. */
export interface Nginx extends AsyncDisposable {
  readonly url: string;
  /** All it has logged. */
  log(): string;
  stop(): Promise<void>;
}

const CONF = new URL('../../docker/scale/nginx.conf', import.meta.url);
/** Debian has it where ordinary users do not look. */
const PLACES = ['/usr/sbin/nginx', '/usr/local/sbin/nginx'];

/**
 * @param upstreams `host:port` of two replicas.
 * @throws MissingBackend when nginx is not installed.
 */
export async function startNginx(upstreams: readonly [string, string]): Promise<Nginx> {
  const binary = (await findCommand('nginx')) ?? PLACES.find((path) => existsSync(path));
  if (binary === undefined) throw new MissingBackend('nginx', 'apt-get install nginx-light');
  const scratch = await scratchFolder('nginx');
  // Started by root, its workers are somebody else, who writes to folders in here.
  await chmod(scratch.path, 0o711);
  const port = await freePort();
  const conf = join(scratch.path, 'nginx.conf');
  await writeFile(conf, localConf(await readFile(CONF, 'utf8'), upstreams, port, scratch.path));
  const lines: string[] = [];
  const running = await startProcess(binary, ['-c', conf, '-g', 'daemon off;'], {
    log: (line) => lines.push(line),
  });
  const stop = async (): Promise<void> => {
    await running.stop();
    await scratch.remove();
  };
  try {
    const answers = () =>
      fetch(`http://127.0.0.1:${port}/-`).then(
        async (answer) => {
          await answer.body?.cancel();
          return true;
        },
        () => false,
      );
    await waitUntil('nginx', answers, { running });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `http://127.0.0.1:${port}`,
    log: () => lines.join('\n'),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The file as it is, but for its addresses and its folder. @throws when one of these is not found. */
function localConf(conf: string, upstreams: readonly [string, string], port: number, folder: string): string {
  const replace = (text: string, from: string, to: string): string => {
    if (!text.includes(from)) throw new Error(`docker/scale/nginx.conf: no ${from}`);
    return text.replaceAll(from, to);
  };
  let text = replace(conf, 'replica-1:8080', upstreams[0]);
  text = replace(text, 'replica-2:8080', upstreams[1]);
  text = replace(text, 'listen 8080', `listen 127.0.0.1:${port}`);
  return replace(text, ' /tmp/', ` ${folder}/`);
}
