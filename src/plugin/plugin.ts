import fastifyPlugin from 'fastify-plugin';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { askHost } from '../access/host.ts';
import { api } from '../app.ts';
import type { Config } from '../config/config.ts';
import { ConfigSnapshot } from '../config/snapshot.ts';
import { Unauthenticated } from '../errors.ts';
import { examineReadiness } from '../http/admin.ts';
import { byBearer, type Admits } from '../http/api.ts';
import { createMetrics } from '../http/metrics.ts';
import { MAX_PARAM_LENGTH } from '../http/server.ts';
import { createTarget } from '../s3/adapters/target.ts';
import { openService } from '../service/open.ts';
import { SafetyGate } from '../service/safety-gate.ts';
import { HostUnfit, UnsafeToServe } from './errors.ts';
import type { SealslotOptions } from './options.ts';

const PREFIX = /^(\/[A-Za-z0-9._~-]+)+$/;
const FASTIFY_MAX_PARAM_LENGTH = 100;
const OPTIONS = ['config', 'authenticate', 'bearer', 'prefix', 'logger', 'env'];
/** What Fastify itself knows of in the options of any plugin. */
const FASTIFY_OPTIONS = ['logLevel', 'logSerializers'];

/**
 * sealslot inside somebody else's Fastify application: the same API as `sealslot serve`, with the application's own callers.
 * @throws ConfigErrors with every mistake of the configuration; HostUnfit, UnsafeToServe; what the KEKs or the store refuse to open with.
 *   Nothing stays open then.
 */
const plugin: FastifyPluginAsync<SealslotOptions> = async (host, options) => {
  const { config, env = {}, prefix = '', logger = host.log } = options;
  requireFit(host, options);
  const isFile = typeof config === 'string';
  const file = await ConfigSnapshot.load(
    isFile ? { path: config, env } : { document: config, folder: process.cwd() },
  );
  requireRoomForLinks(host, file.current);
  if ((host.initialConfig as { requestTimeout?: number }).requestTimeout === 0)
    logger.warn({ setting: 'requestTimeout' }, 'a request that never arrives whole is kept for ever');

  const stop = new AbortController();
  const metrics = createMetrics();
  const gate = new SafetyGate(logger, stop.signal, createTarget);
  await gate.warnOfFiles(file.current, isFile ? config : undefined);
  const service = await openService({ file, gate, logger, metrics });
  const close = async (): Promise<void> => {
    stop.abort();
    await service.stop();
    await service.close();
    await gate.settled();
  };
  try {
    if (!(await service.mayServe())) throw new UnsafeToServe(gate.closedBy);
    host.decorate('sealslot', {
      ready: () => examineReadiness(service.current().services, service.proveCustody),
      metrics: metrics.registry,
      reload: () => service.reload(),
    });
    await host.register(api, {
      ...(prefix !== '' && { prefix }),
      // Fastify would log URLs, and links are secrets.
      logLevel: 'silent',
      current: service.current,
      logger,
      metrics,
      guest: { admits: admitsOf(options), answersNotFound: prefix !== '' },
    });
  } catch (error) {
    await close();
    throw error;
  }
  host.addHook('onReady', async () => service.start());
  // Fastify has finished all requests by then.
  host.addHook('onClose', close);
};

export const sealslot = fastifyPlugin(plugin, { name: 'sealslot', fastify: '5.x' });

function requireFit(host: FastifyInstance, options: SealslotOptions): void {
  const { config, authenticate, bearer, prefix = '' } = options;
  // A misspelt `authenticate` would let nobody in, and not say why.
  const unknown = Object.keys(options).find((name) => ![...OPTIONS, ...FASTIFY_OPTIONS].includes(name));
  if (unknown !== undefined)
    throw new HostUnfit(`\`${unknown}\` is no option; there are ${OPTIONS.join(', ')}.`);
  if (host.hasDecorator('sealslot'))
    throw new HostUnfit(
      'sealslot is registered here already; a second one needs a context beside it, a store and a prefix of its own.',
    );
  if (typeof config !== 'string' && (typeof config !== 'object' || (config as unknown) === null))
    throw new HostUnfit('`config` must be the path of a sealslot.yaml, or an object as one holds it.');
  if (authenticate !== undefined && typeof authenticate !== 'function')
    throw new HostUnfit('`authenticate` must be a function of the request.');
  if (authenticate === undefined && bearer === false)
    throw new HostUnfit('`bearer: false` without `authenticate` would let nobody in.');
  if (prefix !== '' && !PREFIX.test(prefix))
    throw new HostUnfit(
      '`prefix` must be a path such as /files, without a slash at its end and without parameters.',
    );
}

/** Without links, no part of a path is long. */
function requireRoomForLinks({ initialConfig }: FastifyInstance, { content }: Config): void {
  const { routerOptions, maxParamLength } = initialConfig as {
    routerOptions?: { maxParamLength?: number };
    maxParamLength?: number;
  };
  const most = routerOptions?.maxParamLength ?? maxParamLength ?? FASTIFY_MAX_PARAM_LENGTH;
  if (content.linkSecrets.length > 0 && most < MAX_PARAM_LENGTH)
    throw new HostUnfit(
      `Links are signed tokens in a path, and this application takes only ${most} characters there: ` +
        `make it by Fastify({ routerOptions: { maxParamLength: ${MAX_PARAM_LENGTH} } }), or leave out content.linkSecretFiles.`,
    );
}

/** The application's callers first; a bearer token counts only for whom it does not know. */
function admitsOf({ authenticate, bearer = true }: SealslotOptions): Admits {
  if (authenticate === undefined) return byBearer;
  return async (request, authenticators) => {
    const principal = await askHost(() => authenticate(request));
    if (principal !== undefined) return principal;
    if (bearer) return byBearer(request, authenticators);
    throw new Unauthenticated('The application does not know who calls.');
  };
}
