import { Secret } from '../secret.ts';
import type { Config, CredentialsConfig, IssuerConfig, TargetConfig, TenantConfig } from './config.ts';
import { DEFAULTS } from './defaults.ts';
import type { ConfigFiles } from './files.ts';
import type { Document } from './schema.ts';

type TargetDocument = Document['s3']['targets'][string];
type IssuerDocument = NonNullable<NonNullable<Document['auth']>['issuers']>[number];
type TenantDocument = Document['tenants'][string];

/** A document without mistakes, as the service uses it. */
export function build(document: Document, files: ConfigFiles): Config {
  return freeze({
    listen: { ...DEFAULTS.listen, ...document.listen },
    admin: { ...DEFAULTS.admin, ...document.admin },
    log: { ...DEFAULTS.log, ...document.log },
    cors: { origins: document.cors?.origins ?? [] },
    store: { kind: 'sqlite', path: files.absolute(document.store.path) },
    custody: {
      kind: 'local',
      id: document.custody.id ?? DEFAULTS.custodyId,
      kekFile: files.absolute(document.custody.kekFile),
    },
    s3: { targets: mapValues(document.s3.targets, (target) => buildTarget(target, files)) },
    auth: { issuers: (document.auth?.issuers ?? []).map((issuer) => buildIssuer(issuer, files)) },
    tenants: mapValues(document.tenants, buildTenant),
    retention: { ...DEFAULTS.retention, ...document.retention },
    jobs: { ...DEFAULTS.jobs, ...document.jobs },
  });
}

function buildTarget(target: TargetDocument, files: ConfigFiles): TargetConfig {
  const { caFile, credentials } = target;
  return {
    endpoint: new URL(target.endpoint),
    publicEndpoint: new URL(target.publicEndpoint ?? target.endpoint),
    region: target.region,
    pathStyle: target.pathStyle ?? false,
    ca: caFile === undefined ? undefined : files.text(caFile),
    ...(caFile !== undefined && { caFile: files.absolute(caFile) }),
    credentials: buildCredentials(credentials, files),
  };
}

function buildCredentials(credentials: TargetDocument['credentials'], files: ConfigFiles): CredentialsConfig {
  if (credentials.kind === 'default') return { kind: 'default' };
  const secret = (direct: string | undefined, file: string | undefined) => {
    if (direct !== undefined) return new Secret(direct.trim());
    return file === undefined ? undefined : new Secret(files.text(file));
  };
  const secretAccessKey = secret(credentials.secretAccessKey, credentials.secretAccessKeyFile);
  if (secretAccessKey === undefined) throw new Error('the checks let a missing secretAccessKey through');
  const named = [credentials.secretAccessKeyFile, credentials.sessionTokenFile];
  return {
    kind: 'static',
    accessKeyId: credentials.accessKeyId,
    secretAccessKey,
    sessionToken: secret(credentials.sessionToken, credentials.sessionTokenFile),
    secretFiles: named.filter((name) => name !== undefined).map((name) => files.absolute(name)),
  };
}

function buildIssuer(issuer: IssuerDocument, files: ConfigFiles): IssuerConfig {
  const { jwksUrl, jwksFile, tenant, tenantClaim } = issuer;
  return {
    issuer: issuer.issuer,
    audience: [issuer.audience].flat(),
    jwks:
      jwksUrl === undefined
        ? { kind: 'file', path: files.absolute(jwksFile ?? '') }
        : { kind: 'url', url: new URL(jwksUrl) },
    algorithms: issuer.algorithms,
    types: (issuer.types ?? DEFAULTS.issuer.types).map((type) => {
      const short = type.toLowerCase().replace(/^application\//, '');
      return short === 'none' ? '' : short;
    }),
    tenant:
      tenant === undefined ? { kind: 'claim', claim: tenantClaim ?? '' } : { kind: 'fixed', name: tenant },
    scopesClaim: issuer.scopesClaim ?? DEFAULTS.issuer.scopesClaim,
  };
}

function buildTenant(tenant: TenantDocument): TenantConfig {
  return {
    ...DEFAULTS.tenant,
    ...tenant,
    urlSeconds: { ...DEFAULTS.tenant.urlSeconds, ...tenant.urlSeconds },
  };
}

/** Without a prototype: a name that comes from a token, such as `constructor`, must find nothing. */
function mapValues<A, B>(from: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  const to = Object.create(null) as Record<string, B>;
  for (const [name, value] of Object.entries(from)) to[name] = change(value);
  return to;
}

/** Plain objects and lists; a `URL` and a `Secret` keep their state where freezing does not reach. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof URL || value instanceof Secret)
    return value;
  for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
}
