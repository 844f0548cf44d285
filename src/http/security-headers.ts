import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet from 'helmet';

/** Helmet's headers, which are the same for every answer: asked for once, where its own middleware would put them together each time. */
export function securityHeaders(): Readonly<Record<string, string>> {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  helmet()(request, response, (error?: unknown) => {
    if (error instanceof Error) throw error;
  });
  return response.getHeaders() as Record<string, string>;
}
