import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { reloads, sections, type Setting, variableOf } from '../../../scripts/docs/settings.ts';
import type { Config } from '../../../src/config/config.ts';
import { DEFAULTS } from '../../../src/config/defaults.ts';
import { ConfigSnapshot } from '../../../src/config/snapshot.ts';
import { Folder, minimal, put } from '../config/folder.ts';
import { makeCa } from '../../support/ca.ts';

const settings = sections().flatMap((section) => section.settings);
/** `tenants.<name>.bucket` as it stands in the documents here: `tenants.acme.bucket`. */
const placeOf = ({ path }: Setting) =>
  path.replace('targets.<name>', 'targets.main').replaceAll('<name>', 'acme').replace('[n]', '.0');

/** Another good value for each setting, as the environment gives it. `kind` has one good value beside its neighbours. */
const OTHERS: Readonly<Record<string, string>> = {
  'listen.host': '::1',
  'listen.port': '8081',
  'admin.host': '::1',
  'admin.port': '9465',
  'log.level': 'debug',
  'cors.origins': '[https://app.example.com]',
  'content.origin': 'https://usercontent.example.com',
  'content.linkSecretFiles': '[other-link-secret]',
  'content.linkSeconds.default': '301',
  'content.linkSeconds.max': '3601',
  'content.inlineTypes': '[image/png]',
  'grants.secretFiles': '[other-link-secret]',
  'grants.maxSeconds': '3601',
  'demo.enabled': 'true',
  'store.path': 'other.db',
  'store.host': '::1',
  'store.port': '5433',
  'store.database': 'other',
  'store.user': 'other',
  'store.password': 'other',
  'store.passwordFile': 'other-secret',
  'store.tls.mode': 'disable',
  'store.tls.caFile': 'ca.pem',
  'store.tls.certFile': 'other-cert.pem',
  'store.tls.keyFile': 'other-key.pem',
  'store.pool.max': '11',
  'store.timeouts.connectMilliseconds': '2001',
  'store.timeouts.lockMilliseconds': '2001',
  'store.timeouts.statementMilliseconds': '5001',
  'store.timeouts.callMilliseconds': '8001',
  'custody.current': 'second',
  'custody.hierarchy.period': 'hour',
  'custody.hierarchy.maxAgeSeconds': '1',
  'custody.hierarchy.maxUses': '1',
  'custody.recovery.target': 'second',
  'custody.recovery.bucket': 'other',
  'custody.wrappers.<name>.kekFile': 'other-kek',
  'custody.wrappers.<name>.keyId': 'alias/other',
  'custody.wrappers.<name>.region': 'other',
  'custody.wrappers.<name>.fips': 'true',
  'custody.wrappers.<name>.endpoint': 'https://other.example.com',
  'custody.wrappers.<name>.caFile': 'ca.pem',
  'custody.wrappers.<name>.credentials.accessKeyId': 'OTHER',
  'custody.wrappers.<name>.credentials.secretAccessKey': 'other',
  'custody.wrappers.<name>.credentials.secretAccessKeyFile': 'other-secret',
  'custody.wrappers.<name>.credentials.sessionToken': 'other',
  'custody.wrappers.<name>.credentials.sessionTokenFile': 'other-secret',
  'custody.wrappers.<name>.timeoutSeconds': '6',
  'custody.wrappers.<name>.address': 'https://other.example.com',
  'custody.wrappers.<name>.mount': 'other',
  'custody.wrappers.<name>.key': 'other',
  'custody.wrappers.<name>.namespace': 'other',
  'custody.wrappers.<name>.auth.tokenFile': 'other-secret',
  'custody.wrappers.<name>.auth.mount': 'other',
  'custody.wrappers.<name>.auth.roleId': 'other',
  'custody.wrappers.<name>.auth.secretIdFile': 'other-secret',
  'custody.wrappers.<name>.auth.role': 'other',
  's3.targets.<name>.endpoint': 'https://other.example.com',
  's3.targets.<name>.publicEndpoint': 'https://public.example.com',
  's3.targets.<name>.region': 'other',
  's3.targets.<name>.pathStyle': 'true',
  's3.targets.<name>.timeoutSeconds': '11',
  's3.targets.<name>.caFile': 'ca.pem',
  's3.targets.<name>.credentials.accessKeyId': 'OTHER',
  's3.targets.<name>.credentials.secretAccessKey': 'other',
  's3.targets.<name>.credentials.secretAccessKeyFile': 'other-secret',
  's3.targets.<name>.credentials.sessionToken': 'other',
  's3.targets.<name>.credentials.sessionTokenFile': 'other-secret',
  's3.targets.<name>.uploadCredentials.accessKeyId': 'OTHER',
  's3.targets.<name>.uploadCredentials.secretAccessKey': 'other',
  's3.targets.<name>.uploadCredentials.secretAccessKeyFile': 'other-secret',
  's3.targets.<name>.uploadCredentials.sessionToken': 'other',
  's3.targets.<name>.uploadCredentials.sessionTokenFile': 'other-secret',
  'auth.issuers[n].issuer': 'https://other.example.com/',
  'auth.issuers[n].audience': '[one, two]',
  'auth.issuers[n].jwksUrl': 'https://other.example.com/jwks.json',
  'auth.issuers[n].jwksFile': 'other-jwks',
  'auth.issuers[n].algorithms': '[EdDSA]',
  'auth.issuers[n].types': '[none]',
  'auth.issuers[n].tenant': 'second',
  'auth.issuers[n].tenantClaim': 'other',
  'auth.issuers[n].scopesClaim': 'scp',
  'tenants.<name>.target': 'second',
  'tenants.<name>.bucket': 'other',
  'tenants.<name>.objectKeyTemplate': '{id}',
  'tenants.<name>.maxSizeBytes': '1',
  'tenants.<name>.contentTypes': '[image/*]',
  'tenants.<name>.urlSeconds.min': '61',
  'tenants.<name>.urlSeconds.default': '901',
  'tenants.<name>.urlSeconds.max': '3601',
  'tenants.<name>.slotSeconds': '86401',
  'tenants.<name>.requireSha256': 'true',
  'tenants.<name>.methods': '[PUT, POST]',
  'tenants.<name>.verify': 'stream',
  'tenants.<name>.rejected': 'remove',
  'tenants.<name>.limits.tenant.requestsPerMinute': '7',
  'tenants.<name>.limits.tenant.openSlots': '7',
  'tenants.<name>.limits.tenant.bytesPerDay': '7',
  'tenants.<name>.limits.principal.requestsPerMinute': '7',
  'tenants.<name>.limits.principal.openSlots': '7',
  'tenants.<name>.limits.principal.bytesPerDay': '7',
  'tenants.<name>.limits.links.requestsPerMinute': '7',
  'tenants.<name>.webhooks.<name>.url': 'https://other.example.com/hook',
  'tenants.<name>.webhooks.<name>.secretFiles': '[other-whsec]',
  'tenants.<name>.webhooks.<name>.events': '[upload.deleted]',
  'tenants.<name>.webhooks.<name>.allowedAddresses': '[10.0.0.0/8]',
  'tenants.<name>.webhooks.<name>.caFile': 'ca.pem',
  'overload.eventLoopDelayMilliseconds': '0',
  'overload.memoryPercent': '0',
  'overload.heapPercent': '0',
  'overload.streams': '1',
  'retention.keySeconds': '1',
  'retention.deleteMarginSeconds': '1',
  'retention.endedSeconds': '1',
  'jobs.intervalSeconds': '1',
  'shutdown.drainSeconds': '1',
  'shutdown.graceSeconds': '1',
};

/** Settings that stand in for another one: what to take away, what to put there first. */
const INSTEAD: Readonly<Record<string, readonly [string, string, string]>> = {
  's3.targets.<name>.credentials.secretAccessKey': [
    's3.targets.main.credentials.secretAccessKeyFile',
    's3.targets.main.credentials.secretAccessKey',
    'first',
  ],
  's3.targets.<name>.uploadCredentials.secretAccessKey': [
    's3.targets.main.uploadCredentials.secretAccessKeyFile',
    's3.targets.main.uploadCredentials.secretAccessKey',
    'first',
  ],
  'custody.wrappers.<name>.credentials.secretAccessKey': [
    'custody.wrappers.acme.credentials.secretAccessKeyFile',
    'custody.wrappers.acme.credentials.secretAccessKey',
    'first',
  ],
  'auth.issuers[n].jwksFile': ['auth.issuers.0.jwksUrl', 'auth.issuers.0.jwksFile', 'jwks'],
  'auth.issuers[n].tenantClaim': ['auth.issuers.0.tenant', 'auth.issuers.0.tenantClaim', 'first'],
};

/** Defaults that become something else in the configuration. */
const DERIVED: Readonly<Record<string, (config: Config) => unknown>> = {
  'store.port': ({ store }) => store.kind === 'postgres' && store.hosts[0]?.port,
  'store.tls.mode': ({ store }) => store.kind === 'postgres' && store.tls && 'verify-full',
};

const POSTGRES = { kind: 'postgres', host: 'localhost', database: 'sealslot', user: 'sealslot' };

const CREDENTIALS = { kind: 'static', accessKeyId: 'AKIAEXAMPLE', secretAccessKeyFile: 's3-secret' };

const AUTHS: Readonly<Record<string, object>> = {
  token: { kind: 'token', tokenFile: 's3-secret' },
  approle: { kind: 'approle', roleId: 'r', secretIdFile: 's3-secret' },
  kubernetes: { kind: 'kubernetes', role: 'r', tokenFile: 's3-secret' },
};

/** A wrapper that has this setting. */
function wrapperWith({ path, onlyWith = 'local' }: Setting): object {
  if (path.includes('.credentials.')) return wrapperOf('aws-kms');
  if (path.includes('.auth.')) return wrapperOf('vault-transit', onlyWith);
  return wrapperOf(path.startsWith('custody.wrappers.') ? onlyWith : 'local');
}

function wrapperOf(kind: string, auth = 'token'): object {
  if (kind === 'local') return { kind, kekFile: 'kek' };
  if (kind === 'aws-kms')
    return { kind, keyId: 'alias/a', region: 'eu-central-1', credentials: { ...CREDENTIALS } };
  return { kind, address: 'https://vault.example.com', key: 'sealslot', auth: AUTHS[auth] };
}

/** A certificate and its key stand or fall together. */
const isOfPair = ({ path }: Setting) => /^store\.tls\.(cert|key)File$/.test(path);

/** Others of the same pair: the certificate with its CA's behind it, the key in another form. */
async function writePair(folder: Folder): Promise<void> {
  const { certFile, keyFile, caPem } = await makeCa(join(folder.root, 'pair'));
  const [cert, key] = [await readFile(certFile, 'utf8'), await readFile(keyFile, 'utf8')];
  await folder.write('cert.pem', cert);
  await folder.write('other-cert.pem', `${cert}${caPem}`);
  await folder.write('key.pem', key);
  await folder.write(
    'other-key.pem',
    createPrivateKey(key).export({ type: 'sec1', format: 'pem' }).toString(),
  );
}

function document(setting: Setting) {
  const base = minimal();
  if (setting.path.includes('.uploadCredentials.'))
    put(base, 's3.targets.main.uploadCredentials', { ...CREDENTIALS });
  put(base, 's3.targets.second', structuredClone(base.s3.targets.main));
  put(base, 'tenants.second', { target: 'main', bucket: 'second' });
  put(base, 'custody.wrappers.second', { kind: 'local', kekFile: 'kek' });
  put(base, 'custody.wrappers.acme', wrapperWith(setting));
  put(base, 'tenants.acme.webhooks.acme', { url: 'https://app.example.com/hook', secretFiles: ['whsec'] });
  put(base, 'grants', { secretFiles: ['link-secret'] });
  if (setting.onlyWith === 'postgres' || setting.path.startsWith('store.tls.'))
    put(base, 'store', {
      ...POSTGRES,
      ...(isOfPair(setting) && { tls: { certFile: 'cert.pem', keyFile: 'key.pem' } }),
    });
  put(base, 'custody.hierarchy', {});
  put(base, 'custody.recovery', { target: 'main', bucket: 'recovery' });
  const [without, instead, value] = INSTEAD[setting.path] ?? [];
  if (without !== undefined) put(base, without, undefined);
  if (instead !== undefined) put(base, instead, value);
  return stringify(base, { aliasDuplicateObjects: false });
}

async function writeSecrets(folder: Folder): Promise<void> {
  await folder.write('whsec', `whsec_${Buffer.alloc(32, 1).toString('base64')}`);
  await folder.write('other-whsec', `whsec_${Buffer.alloc(32, 2).toString('base64')}`);
  await folder.write('link-secret', 'a secret of at least 32 characters');
  await folder.write('other-link-secret', 'another secret of at least 32 characters');
}

describe('docs/configuration.md', () => {
  const plain = settings.filter(({ variants }) => variants.length === 0);

  it('has another value here for each setting but `kind`', () => {
    const paths = new Set(plain.map(({ path }) => path));
    assert.deepEqual([...paths].sort(), Object.keys(OTHERS).sort());
  });

  for (const setting of plain) {
    const { path, onlyWith } = setting;
    const value = OTHERS[path] ?? '';
    const of = onlyWith === undefined ? '' : ` of ${onlyWith}`;
    it(`${variableOf(path)}${of} ${reloads(path) ? 'changes by a reload' : 'needs a restart'}`, async () => {
      await using folder = await Folder.make();
      for (const name of ['other-kek', 'other-secret', 'jwks', 'other-jwks']) await folder.write(name, name);
      await writeSecrets(folder);
      if (isOfPair(setting)) await writePair(folder);
      if (value === 'ca.pem') await folder.write(value, (await makeCa(folder.root)).caPem);
      const env: Record<string, string> = {};
      const source = { path: await folder.write('sealslot.yaml', document(setting)), env };
      const snapshot = await ConfigSnapshot.load(source);
      const variable = variableOf(path)
        .replace('TARGETS__<NAME>', 'TARGETS__MAIN')
        .replaceAll('<NAME>', 'ACME');
      env[variable] = value;
      const reloaded = await snapshot.reload(async () => true);
      assert.ok(reloaded);
      const { changed, needsRestart } = reloaded;
      assert.deepEqual([changed.length > 0, needsRestart.length > 0], [reloads(path), !reloads(path)]);
    });
  }

  describe('its defaults', () => {
    for (const setting of settings.filter(({ node }) => node.default !== undefined)) {
      // This file is in a pod only.
      if (setting.node.default === DEFAULTS.serviceAccountToken) continue;
      it(setting.path, async () => {
        await using folder = await Folder.make();
        await writeSecrets(folder);
        const config = await folder.load(document(setting));
        const derived = DERIVED[setting.path];
        if (derived !== undefined) {
          assert.deepEqual(derived(config), setting.node.default);
          return;
        }
        let value: unknown = config;
        for (const name of placeOf(setting).split('.')) value = (value as Record<string, unknown>)[name];
        assert.deepEqual(value, setting.node.default);
      });
    }

    it("the service account's token", async () => {
      await using folder = await Folder.make();
      const base = minimal();
      put(base, 'custody.wrappers.local', wrapperOf('vault-transit', 'kubernetes'));
      put(base, 'custody.wrappers.local.auth.tokenFile', undefined);
      const [mistake] = await folder.mistakes(base);
      assert.equal(mistake?.path, 'custody.wrappers.local.auth.tokenFile');
      assert.match(mistake.value ?? '', /serviceaccount/);
    });
  });

  it('has words for every setting and every section', () => {
    for (const { path, description, settings } of sections()) {
      assert.match(description, /\.$/, path);
      for (const { path, node, variants } of settings)
        for (const { description = '' } of variants.length > 0 ? variants : [node])
          assert.match(description, /^.+\.$/, path);
    }
  });
});
