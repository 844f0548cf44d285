/** An application of somebody who has sealslot inside, with its types. It makes one slot and ends. */
export const HOST = `
import Fastify from 'fastify';
import sealslotByDefault, {
  ConfigErrors, HostUnfit, UnsafeToServe, Unauthenticated, sealslot,
  type HostPrincipal, type Mistake, type Readiness, type Scope, type Sealslot, type SealslotOptions,
} from 'sealslot';

const scopes: Scope[] = ['uploads:write'];
const alice: HostPrincipal = { tenant: 'acme', subject: 'alice', scopes };
const config = {
  store: { kind: 'sqlite', path: 'sealslot.db' },
  custody: { current: 'local', wrappers: { local: { kind: 'local', kekFile: 'kek.json' } } },
  s3: { targets: { main: {
    endpoint: 'https://127.0.0.1:9', region: 'us-east-1',
    credentials: { kind: 'static', accessKeyId: 'AKIDEXAMPLE', secretAccessKeyFile: 's3-secret' },
  } } },
  tenants: { acme: { target: 'main', bucket: 'uploads' } },
};
const options: SealslotOptions = {
  config, prefix: '/files', bearer: false,
  authenticate: async (request) => {
    if (request.headers.cookie === 'ended') throw new Unauthenticated('Log in again.');
    return request.headers.cookie === 'alice' ? alice : undefined;
  },
};
// @ts-expect-error A configuration is needed.
const wrong: SealslotOptions = { prefix: '/files' };

const app = Fastify();
const broken = await Fastify().register(sealslotByDefault, { config: {} }).then(() => undefined, (error: unknown) => error);
const mistakes: readonly Mistake[] = broken instanceof ConfigErrors ? broken.mistakes : [];
await app.register(sealslot, options);
const api: Sealslot = app.sealslot;
const { ready }: Readiness = await api.ready();
const ask = (cookie: string) =>
  app.inject({ method: 'POST', url: '/files/v1/uploads', headers: { cookie }, payload: { contentType: 'a/b', size: 1 } });
const statuses = [(await ask('alice')).statusCode, (await ask('ended')).statusCode, (await ask('')).statusCode];
await app.close();
console.log(mistakes.length > 0, ready, statuses.join(), typeof wrong, HostUnfit.name, UnsafeToServe.name);
`;
