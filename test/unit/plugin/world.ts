import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import cors from '@fastify/cors';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { sealslot, type HostPrincipal, type SealslotOptions } from '../../../src/index.ts';
import { operatorFolder, type Settings } from '../../support/doctor.ts';

declare module 'fastify' {
  interface FastifyRequest {
    user: HostPrincipal | undefined;
  }
}

/** Nobody listens there: to make a slot, S3 is not asked. */
export const NO_S3 = {
  endpoint: 'https://127.0.0.1:9',
  region: 'us-east-1',
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'a secret of the tests',
  bucket: 'uploads',
};
export const APP = 'https://app.example.com';

export interface Place extends AsyncDisposable {
  readonly dir: string;
  readonly file: string;
  /** What stands in the file, with absolute paths. */
  readonly document: Record<string, object>;
}

/** A folder with a configuration that has links. */
export async function place(settings: Partial<Settings> = {}): Promise<Place> {
  const ca = new URL('../../support/ca.ts', import.meta.url).pathname;
  const folder = await operatorFolder({ ...NO_S3, caFile: ca, origins: [APP], ...settings });
  const file = join(folder.dir, 'sealslot.yaml');
  const at = (name: string) => join(folder.dir, name);
  await writeFile(at('links'), randomBytes(32).toString('hex'), { mode: 0o600 });
  const text = await readFile(file, 'utf8');
  const config = JSON.parse(text, (_name, value: unknown) =>
    typeof value === 'string' && ['sealslot.db', 'kek.json', 's3-secret'].includes(value) ? at(value) : value,
  ) as Record<string, object> & { s3: { targets: { main: { caFile?: string } } } };
  if (settings.caFile === undefined) delete config.s3.targets.main.caFile;
  await writeFile(at('grants'), randomBytes(32).toString('hex'), { mode: 0o600 });
  const document = {
    ...config,
    content: { linkSecretFiles: [at('links')] },
    grants: { secretFiles: [at('grants')] },
  };
  await writeFile(file, JSON.stringify(document));
  return { dir: folder.dir, file, document, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

export const ALL_SCOPES = ['uploads:write', 'uploads:read', 'objects:read', 'objects:delete', 'grants:write'];

export interface Host {
  readonly app: FastifyInstance;
  /** What the application has logged. */
  readonly logged: () => string;
  /** Which requests came past its hooks. */
  readonly seen: string[];
}

/** An application with everything of its own: sessions, hooks, parsers, compilers, schemas, error and 404 handlers, a document. */
export async function makeHost(options: FastifyServerOptions = {}): Promise<Host> {
  const lines: string[] = [];
  const seen: string[] = [];
  const app = Fastify({
    logger: { level: 'debug', stream: { write: (line: string) => void lines.push(line) } },
    routerOptions: { maxParamLength: 1_000 },
    ...options,
  });
  app.decorateRequest('user', undefined);
  app.addHook('onRequest', async (request, reply) => {
    seen.push(request.url);
    const session = /session=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
    if (session === 'ended') throw Object.assign(new Error('log in again'), { statusCode: 440 });
    if (session === 'banned') return reply.code(451).send({ host: 'gone' });
    if (session !== undefined) request.user = { tenant: 'acme', subject: session, scopes: ALL_SCOPES };
  });
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.addSchema({ $id: 'Slot', type: 'object', properties: { host: { type: 'string' } } });
  app.addSchema({ $id: 'Problem', type: 'object', properties: { host: { type: 'string' } } });
  app.setValidatorCompiler(
    () => (value) => (value === 'good' ? { value } : { error: new Error('the host says no') }),
  );
  app.setSerializerCompiler(() => (value) => JSON.stringify({ host: value as unknown }));
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) =>
    reply.code(error.statusCode ?? 500).send({ hostError: error.message }),
  );
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ hostError: 'nothing here' }));
  await app.register(swagger, { openapi: { info: { title: 'host', version: '9' } } });
  await app.register(cors, { origin: 'https://host.example', strictPreflight: false });
  app.get('/hello', async () => ({ hello: 'host' }));
  app.post('/echo', { schema: { body: { type: 'string' } } }, async ({ body }) => ({ echo: body }));
  app.post('/slot', { schema: { response: { 200: { $ref: 'Slot#' } } } }, async () => ({
    made: 'by the host',
  }));
  return { app, seen, logged: () => lines.join('') };
}

/** The same with sealslot inside, ready. It closes at the end. */
export async function hostWith(
  { document }: Pick<Place, 'document'>,
  options: Partial<SealslotOptions> = {},
): Promise<Host & AsyncDisposable> {
  const host = await makeHost();
  await host.app.register(sealslot, { config: document, authenticate: ({ user }) => user, ...options });
  await host.app.ready();
  return { ...host, [Symbol.asyncDispose]: () => host.app.close() };
}

export const SLOT = { contentType: 'text/plain', size: 3 };

/** A call with a session; without one, with `undefined`. */
export async function call(
  app: FastifyInstance,
  session: string | undefined,
  method: 'GET' | 'POST' | 'DELETE' | 'OPTIONS' | 'PUT',
  url: string,
  options: { body?: unknown; headers?: Record<string, string> } = {},
) {
  const { body, headers } = options;
  const answer = await app.inject({
    method,
    url,
    headers: {
      ...(session !== undefined && { cookie: `session=${session}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const json = answer.body === '' ? undefined : (JSON.parse(answer.body) as Record<string, unknown>);
  return { status: answer.statusCode, headers: answer.headers, text: answer.body, body: json ?? {} };
}
