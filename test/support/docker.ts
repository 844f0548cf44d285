import { request } from 'node:http';
import type { RequestOptions } from 'node:http';

/** Whether a Docker daemon on this machine answers: the command alone says nothing. Remote daemons are left out: certificates name localhost. */
export async function dockerAnswers(): Promise<boolean> {
  const where = daemon(process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock');
  if (where === undefined) return false;
  return new Promise((resolve) => {
    const call = request({ ...where, path: '/_ping', timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(false));
    call.end();
  });
}

function daemon(host: string): RequestOptions | undefined {
  const url = URL.parse(host);
  if (url?.protocol === 'unix:') return { socketPath: url.pathname };
  const local = url?.hostname === 'localhost' || url?.hostname === '127.0.0.1';
  return url?.protocol === 'tcp:' && local ? { host: url.hostname, port: url.port } : undefined;
}
