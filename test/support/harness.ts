import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { createApiKey } from '../../src/access/adapters/api-key.ts';
import { SCOPES, type Scope } from '../../src/access/principal.ts';
import { buildApp } from '../../src/app.ts';
import { authenticatorsOf, openHierarchy } from '../../src/composition.ts';
import type { Config, IssuerConfig, TenantConfig } from '../../src/config/config.ts';
import { DEFAULTS } from '../../src/config/defaults.ts';
import { localWrapper } from '../../src/custody/adapters/local.ts';
import { createKekFile, readKekFile } from '../../src/custody/kek-file.ts';
import type { KeyWrapper } from '../../src/custody/port.ts';
import { proveRoundTrip } from '../../src/custody/proof.ts';
import type { CustomerKey } from '../../src/custody/customer-key.ts';
import { buildAdmin } from '../../src/http/admin.ts';
import { createLogger } from '../../src/http/log.ts';
import { createMetrics, type Metrics } from '../../src/http/metrics.ts';
import type { Snapshot } from '../../src/http/api.ts';
import { createJobs, type Jobs } from '../../src/jobs/runner.ts';
import type { S3Target } from '../../src/s3/port.ts';
import { Secret } from '../../src/secret.ts';
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts';
import type { Store } from '../../src/store/port.ts';
import { createLongSteps } from '../../src/uploads/long-steps.ts';
import { createStreams } from '../../src/uploads/streams.ts';
import { customerKeyOf } from '../../src/uploads/customer-key-of.ts';
import type { Services } from '../../src/uploads/services.ts';

const DAY_MS = 86_400_000;

export const TENANT: TenantConfig = {
  target: 'main',
  bucket: 'uploads',
  objectKeyTemplate: '{tenant}/{prefix}/{yyyy}/{mm}/{id}/{filename}',
  maxSizeBytes: 5_000_000_000,
  contentTypes: ['*'],
  urlSeconds: { min: 1, default: 900, max: 3600 },
  slotSeconds: 3600,
  requireSha256: false,
  methods: ['PUT', 'POST', 'multipart'],
  verify: 'head',
  rejected: 'keep',
  limits: {},
  webhooks: {},
};

export interface HarnessOptions {
  readonly target: S3Target;
  readonly tenants?: Record<string, TenantConfig>;
  readonly issuers?: readonly IssuerConfig[];
  readonly retention?: Partial<Config['retention']>;
  readonly content?: Partial<Config['content']>;
  readonly demo?: boolean;
  /** Unless given, nothing is turned away: a test's machine may have much to do. */
  readonly overload?: Partial<Config['overload']>;
  /** Null: none. */
  readonly grants?: Partial<NonNullable<Config['grants']>> | null;
  readonly corsOrigins?: readonly string[];
  readonly custody?: Partial<Pick<Config['custody'], 'hierarchy' | 'recovery'>>;
  /** In place of a local KEK. */
  readonly keks?: KeyWrapper;
  /** Wraps the store, for faults. */
  readonly store?: (store: Store) => Store;
}

/** The production builder with a temporary SQLite store, a local KEK, an injected clock, and the target given. */
export interface Harness extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly admin: FastifyInstance;
  readonly jobs: Jobs;
  readonly store: Store;
  readonly metrics: Metrics;
  readonly dir: string;
  readonly services: Services;
  /** All that was logged. */
  readonly logged: () => string;
  /** The injected clock, milliseconds. */
  readonly clock: { now: number };
  /** An API key's token. */
  token(tenant?: string, scopes?: readonly Scope[], name?: string): Promise<string>;
  call(
    method: 'GET' | 'HEAD' | 'POST' | 'DELETE',
    url: string,
    options?: { token?: string; body?: unknown; headers?: Record<string, string> },
  ): Promise<{ status: number; headers: Record<string, unknown>; body: Json; text: string }>;
  customerKey(tenant: string, id: string): Promise<CustomerKey>;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a JSON answer, looked into by tests
export type Json = any;

/** Of that day, in milliseconds; a hierarchy makes no next day’s key ahead then. */
export const noonOf = (time: number): number => Math.floor(time / DAY_MS) * DAY_MS + DAY_MS / 2;

export async function makeHarness(options: HarnessOptions): Promise<Harness> {
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-test-'));
  const kekFile = join(dir, 'kek.json');
  await createKekFile(kekFile);
  const clock = { now: Date.now() };
  const now = () => clock.now;
  const sqlite = await openSqliteStore({ path: join(dir, 'sealslot.db'), exclusive: true, now });
  const store = options.store?.(sqlite) ?? sqlite;
  const lines: string[] = [];
  const logger = createLogger('debug', { write: (line: string) => void lines.push(line) });
  const metrics = createMetrics();
  const config: Config = {
    listen: { host: '127.0.0.1', port: 0 },
    admin: { host: '127.0.0.1', port: 0 },
    log: { level: 'debug' },
    cors: { origins: options.corsOrigins ?? [] },
    content: {
      origin: undefined,
      linkSecrets: [new Secret('a secret of the tests, and of nothing else')],
      ...DEFAULTS.content,
      ...options.content,
    },
    demo: { enabled: options.demo ?? false },
    grants:
      options.grants === null
        ? undefined
        : {
            secrets: [new Secret('a secret of the tests for grants alone')],
            secretFiles: [],
            ...DEFAULTS.grants,
            ...options.grants,
          },
    store: { kind: 'sqlite', path: join(dir, 'sealslot.db') },
    custody: {
      current: 'local',
      wrappers: { local: { kind: 'local', kekFile } },
      hierarchy: undefined,
      recovery: undefined,
      ...options.custody,
    },
    s3: { targets: {} },
    auth: { issuers: options.issuers ?? [] },
    tenants: options.tenants ?? { acme: TENANT, globex: TENANT },
    overload: {
      ...{ eventLoopDelayMilliseconds: 0, memoryPercent: 0, heapPercent: 0, streams: 1_000 },
      ...options.overload,
    },
    retention: { ...DEFAULTS.retention, ...options.retention },
    jobs: { intervalSeconds: 3600 },
    shutdown: DEFAULTS.shutdown,
  };
  const keks = options.keks ?? localWrapper({ id: 'local', ring: await readKekFile(kekFile) });
  const targets = new Map([['main', options.target]]);
  const services: Services = {
    config,
    store,
    wrapper: openHierarchy(config, { keks, store, now, targets: () => targets }),
    keks,
    targets,
    now,
    observer: metrics.observer,
    lookAt: () => undefined,
    deliver: () => undefined,
    longSteps: createLongSteps(),
    streams: createStreams(),
  };
  const snapshot: Snapshot = {
    services,
    authenticators: authenticatorsOf(config, { store, now }),
  };
  const app = await buildApp({ current: () => snapshot, logger, metrics });
  const admin = buildAdmin({
    current: () => services,
    proveCustody: () => proveRoundTrip(services.wrapper),
    metrics,
    isDraining: () => false,
  });
  const jobs = createJobs(
    () => services,
    (error) => metrics.failure(error),
  );
  return {
    app,
    admin,
    jobs,
    store,
    metrics,
    dir,
    services,
    clock,
    logged: () => lines.join(''),
    async token(tenant = 'acme', scopes = SCOPES, name = 'test') {
      const { token, record } = createApiKey({ tenant, name, scopes, expiresAt: null, now: clock.now });
      await sqlite.apiKeys.insert(record);
      return token.reveal();
    },
    async call(method, url, { token, body, headers } = {}) {
      const answer = await app.inject({
        method,
        url,
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const isJson = /json/.test(String(answer.headers['content-type']));
      return {
        status: answer.statusCode,
        headers: answer.headers,
        text: answer.body,
        body: isJson ? JSON.parse(answer.body) : undefined,
      };
    },
    async customerKey(tenant, id) {
      const upload = await store.uploads.get(tenant, id);
      if (upload === undefined) throw new Error(`no slot ${id}`);
      return customerKeyOf(services, upload);
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      await admin.close();
      await jobs.stop();
      options.target.close();
      services.wrapper.close();
      await store.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
