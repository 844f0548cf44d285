import { type Static, Type } from 'typebox';
import { DEFAULTS } from './defaults.ts';
import { Content } from './schema/content.ts';
import { Custody } from './schema/custody.ts';
import { Grants } from './schema/grants.ts';
import { Issuer } from './schema/issuer.ts';
import { Overload } from './schema/overload.ts';
import { map, named, optional, SECONDS, text, type Words } from './schema/nodes.ts';
import { Store } from './schema/store.ts';
import { Target } from './schema/target.ts';
import { Tenant } from './schema/tenant.ts';

export type { SchemaNode } from './schema/nodes.ts';

const listener = (words: Words, host: Words, port: Words) =>
  map(
    {
      host: optional(text(host)),
      port: optional(Type.Integer({ minimum: 0, maximum: 65_535, ...port })),
    },
    words,
  );

/** The YAML document, before defaults. What needs more than one field or the disk to judge is in `checks.ts`. */
export const DocumentSchema = map({
  listen: optional(
    listener(
      { description: 'The API. It speaks plain HTTP: put a reverse proxy with TLS before it.' },
      {
        default: DEFAULTS.listen.host,
        description: 'The address to listen on; `0.0.0.0` in a container, where the proxy is elsewhere.',
      },
      { default: DEFAULTS.listen.port, description: 'The port; 0 takes any that is free.' },
    ),
  ),
  admin: optional(
    listener(
      { description: '`/livez`, `/readyz` and `/metrics`, without authentication: not for the public.' },
      {
        default: DEFAULTS.admin.host,
        description: 'The address to listen on; `0.0.0.0` when probes and Prometheus come from other hosts.',
      },
      { default: DEFAULTS.admin.port, description: 'The port; must differ from `listen.port`.' },
    ),
  ),
  log: optional(
    map(
      {
        level: optional(
          Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const, {
            default: DEFAULTS.log.level,
            description:
              'The least that is logged. `info` has a line for each request and each step of a slot.',
          }),
        ),
      },
      { description: 'JSON lines on standard output, never with keys, URLs or bodies.' },
    ),
  ),
  cors: optional(
    map(
      {
        origins: optional(
          Type.Array(Type.String({ minLength: 1 }), {
            default: [],
            description:
              'Exact origins such as `https://app.example.com`; only `https`, or `http` on loopback.',
          }),
        ),
      },
      {
        description:
          'Pages that may call the API. Customer keys are handed to them. S3 needs CORS rules of its own.',
      },
    ),
  ),
  content: optional(Content),
  demo: optional(
    map(
      {
        enabled: optional(
          Type.Boolean({
            default: DEFAULTS.demo.enabled,
            description: 'Whether there is a page.',
          }),
        ),
      },
      {
        description:
          'The page `/demo`, to try the service with by hand: [demo page](demo-page.md). It names the hosts of S3 to whoever can open it.',
      },
    ),
  ),
  grants: optional(Grants),
  store: Store,
  custody: Custody,
  s3: map({ targets: named(Target) }),
  // API keys need no configuration.
  auth: optional(map({ issuers: optional(Type.Array(Issuer, { default: [] })) })),
  tenants: named(Tenant),
  overload: optional(Overload),
  retention: optional(
    map(
      {
        keySeconds: optional(
          Type.Integer({
            ...SECONDS,
            default: DEFAULTS.retention.keySeconds,
            description:
              'How long an expired slot keeps its key, in case an upload is still under way. Then only proven absence of the object ends it.',
          }),
        ),
        deleteMarginSeconds: optional(
          Type.Integer({
            ...SECONDS,
            default: DEFAULTS.retention.deleteMarginSeconds,
            description:
              'How long a deleted slot keeps its key after its last URL has ended: a PUT that began in time may finish late. An unfinished multipart upload of an expired slot is aborted after it.',
          }),
        ),
        endedSeconds: optional(
          Type.Integer({
            ...SECONDS,
            default: DEFAULTS.retention.endedSeconds,
            description:
              'How long a slot whose key is destroyed stays in the store, as a tombstone; then it is as if it had never been.',
          }),
        ),
      },
      {
        description:
          'When keys may be destroyed. Shorter is riskier: a key outlives its object, never the other way round.',
      },
    ),
  ),
  jobs: optional(
    map(
      {
        intervalSeconds: optional(
          Type.Integer({
            minimum: 1,
            maximum: 86_400,
            default: DEFAULTS.jobs.intervalSeconds,
            description:
              'The longest pause between two rounds; each is by chance down to half of it, so that replicas do not come all at once. DELETE begins at once all the same.',
          }),
        ),
      },
      { description: 'Looking after slots in the background: late objects, expiry, removal.' },
    ),
  ),
  shutdown: optional(
    map(
      {
        drainSeconds: optional(
          Type.Integer({
            minimum: 0,
            maximum: 300,
            default: DEFAULTS.shutdown.drainSeconds,
            description:
              'How long after SIGTERM requests are answered as before, while `/readyz` says 503 and answers end their connections. Longer than a balancer takes to notice.',
          }),
        ),
        graceSeconds: optional(
          Type.Integer({
            minimum: 1,
            maximum: 3600,
            default: DEFAULTS.shutdown.graceSeconds,
            description:
              'How long what is in flight then may take. What takes longer is cut, which loses nothing: it is as if the process had been killed.',
          }),
        ),
      },
      { description: 'The end of the process: [rolling restarts](container.md#rolling-restarts).' },
    ),
  ),
});

export type Document = Static<typeof DocumentSchema>;
