import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** All but the end of a line: C0, DEL, C1 and what turns the reading direction. */
export const MOVES_THE_CURSOR = /[^\P{Cc}\n]|\p{Bidi_Control}/u;

/** Whatever it is asked, it refuses in words that would rewrite what a terminal shows. */
export async function hostileService(): Promise<{ readonly url: string } & AsyncDisposable> {
  const body = JSON.stringify({
    code: 'x\u001b[2K',
    detail: 'no\u001b]0;PWNED\u0007\u001b[1A\u009b2K\u202e\r\na.txt  uploaded',
  });
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(422, { 'content-type': 'application/problem+json' }).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}
