import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { reloads, sections, type Setting, variableOf } from '../../../scripts/docs/settings.ts';
import type { Config } from '../../../src/config/config.ts';
import { ConfigSnapshot } from '../../../src/config/snapshot.ts';
import { Folder, minimal, put } from '../config/folder.ts';
import { makeCa } from '../../support/ca.ts';

const settings = sections().flatMap((section) => section.settings);
/** `tenants.<name>.bucket` as it stands in the documents here: `tenants.acme.bucket`. */
const placeOf = ({ path }: Setting) =>
  path.replace('targets.<name>', 'targets.main').replace('<name>', 'acme').replace('[n]', '.0');

/** Another good value for each setting, as the environment gives it. `kind` has one good value beside its neighbours. */
const OTHERS: Readonly<Record<string, string>> = {
  'listen.host': '::1',
  'listen.port': '8081',
  'admin.host': '::1',
  'admin.port': '9465',
  'log.level': 'debug',
  'cors.origins': '[https://app.example.com]',
  'store.path': 'other.db',
  'custody.id': 'other',
  'custody.kekFile': 'other-kek',
  's3.targets.<name>.endpoint': 'https://other.example.com',
  's3.targets.<name>.publicEndpoint': 'https://public.example.com',
  's3.targets.<name>.region': 'other',
  's3.targets.<name>.pathStyle': 'true',
  's3.targets.<name>.caFile': 'ca.pem',
  's3.targets.<name>.credentials.accessKeyId': 'OTHER',
  's3.targets.<name>.credentials.secretAccessKey': 'other',
  's3.targets.<name>.credentials.secretAccessKeyFile': 'other-secret',
  's3.targets.<name>.credentials.sessionToken': 'other',
  's3.targets.<name>.credentials.sessionTokenFile': 'other-secret',
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
  'retention.keySeconds': '1',
  'retention.deleteMarginSeconds': '1',
  'jobs.intervalSeconds': '1',
};

/** Settings that stand in for another one: what to take away, what to put there first. */
const INSTEAD: Readonly<Record<string, readonly [string, string, string]>> = {
  's3.targets.<name>.credentials.secretAccessKey': [
    's3.targets.main.credentials.secretAccessKeyFile',
    's3.targets.main.credentials.secretAccessKey',
    'first',
  ],
  'auth.issuers[n].jwksFile': ['auth.issuers.0.jwksUrl', 'auth.issuers.0.jwksFile', 'jwks'],
  'auth.issuers[n].tenantClaim': ['auth.issuers.0.tenant', 'auth.issuers.0.tenantClaim', 'first'],
};

function document(path: string) {
  const base = minimal();
  put(base, 's3.targets.second', structuredClone(base.s3.targets.main));
  put(base, 'tenants.second', { target: 'main', bucket: 'second' });
  const [without, instead, value] = INSTEAD[path] ?? [];
  if (without !== undefined) put(base, without, undefined);
  if (instead !== undefined) put(base, instead, value);
  return stringify(base, { aliasDuplicateObjects: false });
}

describe('docs/configuration.md', () => {
  it('has another value here for each setting but `kind`', () => {
    const paths = settings.filter(({ variants }) => variants.length === 0).map(({ path }) => path);
    assert.deepEqual(paths.sort(), Object.keys(OTHERS).sort());
  });

  for (const [path, value] of Object.entries(OTHERS)) {
    it(`${variableOf(path)} ${reloads(path) ? 'changes by a reload' : 'needs a restart'}`, async () => {
      await using folder = await Folder.make();
      for (const name of ['other-kek', 'other-secret', 'jwks', 'other-jwks']) await folder.write(name, name);
      if (value === 'ca.pem') await folder.write(value, (await makeCa(folder.root)).caPem);
      const env: Record<string, string> = {};
      const source = { path: await folder.write('sealslot.yaml', document(path)), env };
      const snapshot = await ConfigSnapshot.load(source);
      const variable = variableOf(path).replace('TARGETS__<NAME>', 'TARGETS__MAIN').replace('<NAME>', 'ACME');
      env[variable] = value;
      const reloaded = await snapshot.reload(async () => true);
      assert.ok(reloaded);
      const { changed, needsRestart } = reloaded;
      assert.deepEqual([changed.length > 0, needsRestart.length > 0], [reloads(path), !reloads(path)]);
    });
  }

  describe('its defaults', () => {
    let config: Config;
    before(async () => {
      await using folder = await Folder.make();
      config = await folder.load(minimal());
    });

    for (const setting of settings.filter(({ node }) => node.default !== undefined)) {
      it(setting.path, () => {
        let value: unknown = config;
        for (const name of placeOf(setting).split('.')) value = (value as Record<string, unknown>)[name];
        assert.deepEqual(value, setting.node.default);
      });
    }
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
