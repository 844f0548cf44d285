import { access } from 'node:fs/promises';
import { INTERMEDIATE } from '../custody/intermediate.ts';
import type { ConfigFiles } from './files.ts';
import { DEFAULTS } from './defaults.ts';
import { didYouMean, type Mistakes, type Path } from './mistakes.ts';
import type { Document } from './schema.ts';
import type { Partially } from './validate.ts';
import { checkContent, checkWebhook } from './checks/outgoing.ts';
import { checkSigningSecrets } from './checks/signing-secrets.ts';
import { checkStore } from './checks/store.ts';
import { checkEndpoint, checkJwksUrl, checkOrigin } from './urls.ts';

type Part = Partially<Document>;
type Member<T> = Exclude<NonNullable<T>[keyof NonNullable<T>], undefined>;
type Target = Member<NonNullable<Part['s3']>['targets']>;
type Wrapper = Member<NonNullable<Part['custody']>['wrappers']>;
type VaultAuth = Extract<Wrapper, { kind?: 'vault-transit' | undefined }>['auth'];
type Tenant = Member<Part['tenants']>;
type Issuer = Exclude<NonNullable<NonNullable<Part['auth']>['issuers']>[number], undefined>;

const LONGEST_URL_SECONDS = 604_800;
const ANY_HOST = /^(0\.0\.0\.0|::)$/;
const PLACEHOLDERS = ['tenant', 'prefix', 'yyyy', 'mm', 'dd', 'id', 'filename'];

/** All that takes more than one field or the disk to judge. Fields that the schema refused are absent here and said already. */
export async function check(document: Part, files: ConfigFiles, mistakes: Mistakes): Promise<void> {
  checkListeners(document, mistakes);
  for (const [index, origin] of (document.cors?.origins ?? []).entries())
    checkOrigin(['cors', 'origins', index], origin, mistakes);
  await checkStore(document.store ?? {}, files, mistakes);
  await checkCustody(document, files, mistakes);
  for (const [name, target] of Object.entries(document.s3?.targets ?? {}))
    await checkTarget(['s3', 'targets', name], target ?? {}, files, mistakes);
  for (const [name, tenant] of Object.entries(document.tenants ?? {})) {
    checkTenant(['tenants', name], tenant ?? {}, document, mistakes);
    for (const [webhook, settings] of Object.entries(tenant?.webhooks ?? {}))
      await checkWebhook(['tenants', name, 'webhooks', webhook], settings ?? {}, files, mistakes);
  }
  await checkContent(['content'], document.content ?? {}, files, mistakes);
  await checkSigningSecrets(['grants', 'secretFiles'], document.grants?.secretFiles ?? [], files, mistakes);
  await checkIssuers(document, files, mistakes);
}

function checkListeners(document: Part, mistakes: Mistakes): void {
  const listen = { ...DEFAULTS.listen, ...document.listen };
  const admin = { ...DEFAULTS.admin, ...document.admin };
  const sameHost =
    listen.host === admin.host || [listen.host, admin.host].some((host) => ANY_HOST.test(host ?? ''));
  // Port 0 takes any that is free.
  if (sameHost && listen.port === admin.port && listen.port)
    mistakes.add(['admin', 'port'], 'must differ from listen.port', admin.port);
}

async function checkCustody(document: Part, files: ConfigFiles, mistakes: Mistakes): Promise<void> {
  const { current, wrappers, recovery } = document.custody ?? {};
  checkKnown(['custody', 'current'], current, wrappers, 'custody.wrappers', mistakes);
  const at: Path = ['custody', 'recovery'];
  checkKnown([...at, 'target'], recovery?.target, document.s3?.targets, 's3.targets', mistakes);
  const holdsObjects = Object.values(document.tenants ?? {}).some(
    (tenant) => tenant?.target === recovery?.target && tenant?.bucket === recovery?.bucket,
  );
  if (recovery?.bucket !== undefined && holdsObjects)
    mistakes.add([...at, 'bucket'], 'must not be a bucket of a tenant', recovery.bucket);
  for (const [name, wrapper] of Object.entries(wrappers ?? {}))
    await checkWrapper(['custody', 'wrappers', name], wrapper ?? {}, document, files, mistakes);
}

async function checkWrapper(
  path: Path,
  wrapper: Wrapper,
  document: Part,
  files: ConfigFiles,
  mistakes: Mistakes,
): Promise<void> {
  if (path.at(-1) === INTERMEDIATE)
    mistakes.add(path, 'its name must be another: intermediate keys are called so');
  switch (wrapper.kind) {
    case 'local':
      await files.checkReadable(
        [...path, 'kekFile'],
        wrapper.kekFile,
        await kekFileHint(wrapper.kekFile, document.store ?? {}, files),
      );
      return;
    case 'aws-kms':
      checkEndpoint([...path, 'endpoint'], wrapper.endpoint, mistakes);
      if (wrapper.fips === true && wrapper.endpoint !== undefined)
        mistakes.add(
          [...path, 'fips'],
          'must not be given beside endpoint: name the FIPS address there',
          true,
        );
      await files.readCertificates([...path, 'caFile'], wrapper.caFile);
      await checkCredentials([...path, 'credentials'], wrapper.credentials, files, mistakes);
      return;
    case 'vault-transit':
      checkEndpoint([...path, 'address'], wrapper.address, mistakes);
      await files.readCertificates([...path, 'caFile'], wrapper.caFile);
      await checkVaultAuth([...path, 'auth'], wrapper.auth, files);
  }
}

/** Where there are keys, a new KEK in the place of a lost one would only hide that they open no more. */
async function kekFileHint(
  kekFile: string | undefined,
  store: NonNullable<Part['store']>,
  files: ConfigFiles,
): Promise<string> {
  if (!(await isAbsent(kekFile, files))) return '';
  const hint = '; bring it back from its backup';
  // Whether there are keys in a server is not asked here.
  const mayBeNew =
    store.kind === 'postgres' || (store.kind === 'sqlite' && (await isAbsent(store.path, files)));
  return mayBeNew
    ? `${hint}, or, for a service that never had one, make one by \`sealslot init --kek-file\` with this path`
    : `${hint}, for a new one opens nothing that is in the store`;
}

async function isAbsent(name: string | undefined, files: ConfigFiles): Promise<boolean> {
  if (name === undefined) return false;
  return access(files.absolute(name)).then(
    () => false,
    (error: unknown) => error instanceof Error && 'code' in error && error.code === 'ENOENT',
  );
}

async function checkVaultAuth(path: Path, auth: VaultAuth, files: ConfigFiles): Promise<void> {
  if (auth?.kind === 'token') await files.checkReadable([...path, 'tokenFile'], auth.tokenFile);
  if (auth?.kind === 'approle') await files.checkReadable([...path, 'secretIdFile'], auth.secretIdFile);
  if (auth?.kind === 'kubernetes') {
    const { tokenFile = DEFAULTS.serviceAccountToken } = auth;
    await files.checkReadable([...path, 'tokenFile'], tokenFile);
  }
}

async function checkTarget(
  path: Path,
  target: Target,
  files: ConfigFiles,
  mistakes: Mistakes,
): Promise<void> {
  checkEndpoint([...path, 'endpoint'], target.endpoint, mistakes);
  checkEndpoint([...path, 'publicEndpoint'], target.publicEndpoint, mistakes);
  await files.readCertificates([...path, 'caFile'], target.caFile);
  for (const name of ['credentials', 'uploadCredentials'] as const)
    await checkCredentials([...path, name], target[name], files, mistakes);
}

async function checkCredentials(
  at: Path,
  credentials: Target['credentials'],
  files: ConfigFiles,
  mistakes: Mistakes,
): Promise<void> {
  if (credentials === undefined || credentials.kind !== 'static') return;
  for (const name of ['secretAccessKey', 'sessionToken'] as const) {
    const fileName = `${name}File` as const;
    const [direct, file] = [Object.hasOwn(credentials, name), Object.hasOwn(credentials, fileName)];
    if (direct && file) mistakes.add([...at, fileName], `must not be given beside ${name}: keep one`);
    if (!direct && !file && name === 'secretAccessKey')
      mistakes.add([...at, name], `is missing: give it, or ${fileName}`);
    if (credentials[name]?.trim() === '') mistakes.add([...at, name], 'must not be empty');
    await files.readText([...at, fileName], credentials[fileName]);
  }
}

function checkTenant(path: Path, tenant: Tenant, document: Part, mistakes: Mistakes): void {
  checkKnown([...path, 'target'], tenant.target, document.s3?.targets, 's3.targets', mistakes);
  checkTemplate([...path, 'objectKeyTemplate'], tenant.objectKeyTemplate, mistakes);

  // NaN, for what the schema refused, is neither too small nor too large.
  const {
    min = NaN,
    default: usual = NaN,
    max = NaN,
  } = { ...DEFAULTS.tenant.urlSeconds, ...tenant.urlSeconds };
  const { slotSeconds = NaN } = { ...DEFAULTS.tenant, ...tenant };
  const at = (name: 'min' | 'default' | 'max') => [...path, 'urlSeconds', name];
  if (max > LONGEST_URL_SECONDS)
    mistakes.add(at('max'), `must be at most ${LONGEST_URL_SECONDS}, the longest that S3 takes`, max);
  if (min > max) mistakes.add(at('min'), `must be at most max, which is ${max}`, min);
  else if (usual < min || usual > max)
    mistakes.add(at('default'), `must lie between min (${min}) and max (${max})`, usual);
  if (slotSeconds < min)
    mistakes.add([...path, 'slotSeconds'], `must be at least urlSeconds.min, which is ${min}`, slotSeconds);
}

function checkTemplate(path: Path, template: string | undefined, mistakes: Mistakes): void {
  if (template === undefined) return;
  const bad = (message: string) => mistakes.add(path, message, template);
  const names = Array.from(template.matchAll(/\{([^{}]*)\}/g), (found) => found[1] ?? '');
  const known = PLACEHOLDERS.map((name) => `{${name}}`).join(', ');
  for (const name of new Set(names))
    if (!PLACEHOLDERS.includes(name)) bad(`{${name}} is not a placeholder; there are ${known}`);
  const literal = template.replace(/\{[^{}]*\}/g, '_');
  if (/[{}]/.test(literal)) bad('has a "{" or "}" without its other half');
  // Two slots must never share an object key.
  if (!names.includes('id')) bad('must contain {id}');
  // Else the place that a grant may write to would reach into the names beside it.
  const isApart = template.split('/').includes('{prefix}');
  if (names.filter((name) => name === 'prefix').length > (isApart ? 1 : 0))
    bad('must have {prefix} once at most, as a segment of its own');
  if (template.startsWith('/')) bad('must not begin with "/"');
  // HTTP clients fold such segments, and the signature no longer fits.
  else if (literal.split('/').some((segment) => ['', '.', '..'].includes(segment)))
    bad('must not have empty, "." or ".." segments');
  if (!/^[\x20-\x7e]*$/.test(literal)) bad('must be printable ASCII');
}

async function checkIssuers(document: Part, files: ConfigFiles, mistakes: Mistakes): Promise<void> {
  const seen = new Set<string>();
  for (const [index, issuer] of (document.auth?.issuers ?? []).entries()) {
    if (issuer === undefined) continue;
    const path = ['auth', 'issuers', index];
    checkOneOf(path, issuer, 'jwksUrl', 'jwksFile', mistakes);
    checkOneOf(path, issuer, 'tenant', 'tenantClaim', mistakes);
    checkJwksUrl([...path, 'jwksUrl'], issuer.jwksUrl, mistakes);
    await files.checkReadable([...path, 'jwksFile'], issuer.jwksFile);
    checkKnown([...path, 'tenant'], issuer.tenant, document.tenants, 'tenants', mistakes);
    // The issuer alone picks the rules that a token is held to, so each has one entry.
    if (issuer.issuer === undefined) continue;
    if (seen.has(issuer.issuer))
      mistakes.add([...path, 'issuer'], 'another entry has this issuer', issuer.issuer);
    seen.add(issuer.issuer);
  }
}

function checkOneOf(path: Path, issuer: Issuer, a: keyof Issuer, b: keyof Issuer, mistakes: Mistakes): void {
  const given = [a, b].filter((name) => Object.hasOwn(issuer, name));
  if (given.length === 0) mistakes.add(path, `must have either ${a} or ${b}`);
  if (given.length === 2) mistakes.add(path, `must have either ${a} or ${b}, not both`);
}

function checkKnown(
  path: Path,
  name: string | undefined,
  known: object | undefined,
  where: string,
  mistakes: Mistakes,
): void {
  if (name === undefined || known === undefined || Object.hasOwn(known, name)) return;
  const names = Object.keys(known);
  mistakes.add(path, `must be one of ${where} (${names.join(', ')})${didYouMean(name, names)}`, name);
}
