import { Secret } from '../secret.ts';
import { buildStore } from './build/store.ts';
import type {
  Config,
  ContentConfig,
  CredentialsConfig,
  CustodyConfig,
  GrantsConfig,
  IssuerConfig,
  TargetConfig,
  TenantConfig,
  VaultAuthConfig,
  WebhookConfig,
  WrapperConfig,
} from './config.ts';
import { DEFAULTS } from './defaults.ts';
import type { ConfigFiles } from './files.ts';
import { UPLOAD_EVENTS } from '../store/port.ts';
import type { Document } from './schema.ts';

type CustodyDocument = Document['custody'];
type WrapperDocument = CustodyDocument['wrappers'][string];
type VaultAuthDocument = Extract<WrapperDocument, { kind: 'vault-transit' }>['auth'];
type TargetDocument = Document['s3']['targets'][string];
type IssuerDocument = NonNullable<NonNullable<Document['auth']>['issuers']>[number];
type TenantDocument = Document['tenants'][string];
type WebhookDocument = NonNullable<TenantDocument['webhooks']>[string];
type GrantsDocument = NonNullable<Document['grants']>;
type ContentDocument = NonNullable<Document['content']>;

/** A document without mistakes, as the service uses it. */
export function build(document: Document, files: ConfigFiles): Config {
  return freeze({
    listen: { ...DEFAULTS.listen, ...document.listen },
    admin: { ...DEFAULTS.admin, ...document.admin },
    log: { ...DEFAULTS.log, ...document.log },
    cors: { origins: document.cors?.origins ?? [] },
    content: buildContent(document.content ?? {}, files),
    demo: { ...DEFAULTS.demo, ...document.demo },
    grants: document.grants && buildGrants(document.grants, files),
    store: buildStore(document.store, files),
    custody: buildCustody(document.custody, files),
    s3: { targets: mapValues(document.s3.targets, (target) => buildTarget(target, files)) },
    auth: { issuers: (document.auth?.issuers ?? []).map((issuer) => buildIssuer(issuer, files)) },
    tenants: mapValues(document.tenants, (tenant) => buildTenant(tenant, files)),
    overload: { ...DEFAULTS.overload, ...document.overload },
    retention: { ...DEFAULTS.retention, ...document.retention },
    jobs: { ...DEFAULTS.jobs, ...document.jobs },
    shutdown: { ...DEFAULTS.shutdown, ...document.shutdown },
  });
}

function buildCustody(custody: CustodyDocument, files: ConfigFiles): CustodyConfig {
  const { current, wrappers, hierarchy, recovery } = custody;
  return {
    current,
    wrappers: mapValues(wrappers, (wrapper) => buildWrapper(wrapper, files)),
    hierarchy: hierarchy && { ...DEFAULTS.hierarchy, ...hierarchy },
    recovery,
  };
}

function buildWrapper(wrapper: WrapperDocument, files: ConfigFiles): WrapperConfig {
  switch (wrapper.kind) {
    case 'local':
      return { kind: 'local', kekFile: files.absolute(wrapper.kekFile) };
    case 'aws-kms': {
      const { keyId, region, fips = DEFAULTS.kms.fips, endpoint, caFile, credentials } = wrapper;
      return {
        kind: 'aws-kms',
        keyId,
        region,
        fips,
        endpoint: endpoint === undefined ? undefined : new URL(endpoint),
        ...trust(caFile, files),
        credentials: buildCredentials(credentials ?? { kind: 'default' }, files),
        timeoutSeconds: wrapper.timeoutSeconds ?? DEFAULTS.custody.timeoutSeconds,
      };
    }
    case 'vault-transit': {
      const { address, mount = DEFAULTS.vault.mount, key, namespace, caFile, auth } = wrapper;
      return {
        kind: 'vault-transit',
        address: new URL(address),
        mount,
        key,
        namespace,
        ...trust(caFile, files),
        auth: buildVaultAuth(auth, files),
        timeoutSeconds: wrapper.timeoutSeconds ?? DEFAULTS.custody.timeoutSeconds,
      };
    }
  }
}

function buildVaultAuth(auth: VaultAuthDocument, files: ConfigFiles): VaultAuthConfig {
  switch (auth.kind) {
    case 'token':
      return { kind: 'token', tokenFile: files.absolute(auth.tokenFile) };
    case 'approle': {
      const { mount = DEFAULTS.vault.approleMount, roleId, secretIdFile } = auth;
      return { kind: 'approle', mount, roleId, secretIdFile: files.absolute(secretIdFile) };
    }
    case 'kubernetes': {
      const { mount = DEFAULTS.vault.kubernetesMount, role, tokenFile = DEFAULTS.serviceAccountToken } = auth;
      return { kind: 'kubernetes', mount, role, tokenFile: files.absolute(tokenFile) };
    }
  }
}

/** A private CA, as text and as the file that it stands in. */
function trust(caFile: string | undefined, files: ConfigFiles): { ca: string | undefined; caFile?: string } {
  if (caFile === undefined) return { ca: undefined };
  return { ca: files.text(caFile), caFile: files.absolute(caFile) };
}

function buildTarget(target: TargetDocument, files: ConfigFiles): TargetConfig {
  const { caFile, credentials, uploadCredentials } = target;
  return {
    endpoint: new URL(target.endpoint),
    publicEndpoint: new URL(target.publicEndpoint ?? target.endpoint),
    region: target.region,
    pathStyle: target.pathStyle ?? false,
    ...trust(caFile, files),
    credentials: buildCredentials(credentials, files),
    ...(uploadCredentials && { uploadCredentials: buildCredentials(uploadCredentials, files) }),
    timeoutSeconds: target.timeoutSeconds ?? DEFAULTS.s3.timeoutSeconds,
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

function buildTenant(tenant: TenantDocument, files: ConfigFiles): TenantConfig {
  return {
    ...DEFAULTS.tenant,
    ...tenant,
    urlSeconds: { ...DEFAULTS.tenant.urlSeconds, ...tenant.urlSeconds },
    limits: tenant.limits ?? {},
    webhooks: mapValues(tenant.webhooks ?? {}, (webhook) => buildWebhook(webhook, files)),
  };
}

function buildWebhook(webhook: WebhookDocument, files: ConfigFiles): WebhookConfig {
  const { url, secretFiles, events = UPLOAD_EVENTS, allowedAddresses = [], caFile } = webhook;
  return {
    url: new URL(url),
    secrets: secretFiles.map((name) => new Secret(files.text(name).replace(/^whsec_/, ''))),
    events,
    allowedAddresses,
    ...trust(caFile, files),
  };
}

function buildContent(content: ContentDocument, files: ConfigFiles): ContentConfig {
  const { origin, linkSecretFiles = [], linkSeconds, inlineTypes } = content;
  return {
    origin: origin === undefined ? undefined : new URL(origin),
    linkSecrets: linkSecretFiles.map((name) => new Secret(files.text(name))),
    linkSeconds: { ...DEFAULTS.content.linkSeconds, ...linkSeconds },
    inlineTypes: inlineTypes ?? DEFAULTS.content.inlineTypes,
  };
}

function buildGrants({ secretFiles, maxSeconds }: GrantsDocument, files: ConfigFiles): GrantsConfig {
  return {
    secrets: secretFiles.map((name) => new Secret(files.text(name))),
    secretFiles: secretFiles.map((name) => files.absolute(name)),
    maxSeconds: maxSeconds ?? DEFAULTS.grants.maxSeconds,
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
