import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Folder, minimal, put } from './folder.ts';

/** What is put where, where the mistake is reported, and what it says. */
type Case = readonly [put: string, value: unknown, path: string, says: RegExp];

const WRAPPER = (name: string) => `custody.wrappers.${name}`;
const KMS = { kind: 'aws-kms', keyId: 'alias/sealslot', region: 'eu-central-1' };
const TOKEN = (tokenFile: string) => ({ kind: 'token', tokenFile });
const VAULT = { kind: 'vault-transit', address: 'https://vault:8200', key: 'sealslot', auth: TOKEN('kek') };
const RECOVERY = { target: 'main', bucket: 'acme-uploads' };
const TARGET = 's3.targets.main';
const CREDENTIALS = `${TARGET}.credentials`;
const UPLOADS = `${TARGET}.uploadCredentials`;
const STATIC = { kind: 'static', accessKeyId: 'A', secretAccessKeyFile: 's3-secret' };
const ISSUER = 'auth.issuers.0';
const AT_ISSUER = 'auth.issuers[0]';
const TENANT = 'tenants.acme';

const CASES: readonly Case[] = [
  ['tenents', {}, 'tenents', /did you mean tenants/],
  ['whatever', 1, 'whatever', /known are listen, admin/],
  ['store', undefined, 'store', /missing/],
  ['store.kind', 'mysql', 'store.kind', /must be one of sqlite, postgres/],
  ['store.kind', undefined, 'store.kind', /missing/],
  ['store.path', 'gone/slots.db', 'store.path', /folder must exist/],
  ['cors', null, 'cors', /must be a map/],
  ['cors.origins', ['*'], 'cors.origins[0]', /must be a URL/],
  ['cors.origins', ['https://app.example.com/'], 'cors.origins[0]', /exact origin/],
  ['cors.origins', ['http://app.example.com'], 'cors.origins[0]', /https/],
  ['listen.port', '8080', 'listen.port', /whole number/],
  ['listen.port', 70_000, 'listen.port', /at most 65535/],
  ['admin.port', 8080, 'admin.port', /differ/],
  ['jobs.intervalSeconds', 0, 'jobs.intervalSeconds', /at least 1/],
  ['retention.keySeconds', 1.5, 'retention.keySeconds', /whole number/],
  ['custody.wrappers.local.kekFile', 'gone', 'custody.wrappers.local.kekFile', /does not exist/],
  ['custody.wrappers.local.kekFile', '.', 'custody.wrappers.local.kekFile', /not a folder/],
  ['custody.wrappers.local.kekFile', 'empty', 'custody.wrappers.local.kekFile', /empty/],
  ['custody.current', 'locall', 'custody.current', /did you mean local/],
  ['custody.wrappers', {}, 'custody.wrappers', /at least 1/],
  ['custody.wrappers.intermediate', { kind: 'local', kekFile: 'kek' }, WRAPPER('intermediate'), /another/],
  [WRAPPER('kms'), { kind: 'kms' }, `${WRAPPER('kms')}.kind`, /one of local, aws-kms, vault-transit/],
  [WRAPPER('kms'), { ...KMS, endpoint: 'http://kms' }, `${WRAPPER('kms')}.endpoint`, /https/],
  [WRAPPER('kms'), { ...KMS, fips: true, endpoint: 'https://kms' }, `${WRAPPER('kms')}.fips`, /beside/],
  [WRAPPER('kms'), { ...KMS, keyId: '' }, `${WRAPPER('kms')}.keyId`, /empty/],
  [WRAPPER('vault'), { ...VAULT, address: 'http://vault' }, `${WRAPPER('vault')}.address`, /https/],
  [WRAPPER('vault'), { ...VAULT, caFile: 'kek' }, `${WRAPPER('vault')}.caFile`, /PEM/],
  [WRAPPER('vault'), { ...VAULT, auth: TOKEN('gone') }, `${WRAPPER('vault')}.auth.tokenFile`, /not exist/],
  ['custody.hierarchy', { period: 'week' }, 'custody.hierarchy.period', /one of hour, day, month/],
  ['custody.hierarchy', { maxAgeSeconds: 0 }, 'custody.hierarchy.maxAgeSeconds', /at least 1/],
  ['custody.recovery', { bucket: 'r' }, 'custody.recovery.target', /missing/],
  ['custody.recovery', { target: 'x', bucket: 'r' }, 'custody.recovery.target', /one of s3\.targets/],
  ['custody.recovery', RECOVERY, 'custody.recovery.bucket', /not be a bucket of a tenant/],
  ['s3.targets', {}, 's3.targets', /at least 1/],
  [`${TARGET}.endpoint`, 'http://s3.example.com', `${TARGET}.endpoint`, /https/],
  [`${TARGET}.endpoint`, 's3.example.com', `${TARGET}.endpoint`, /must be a URL/],
  [`${TARGET}.endpoint`, 'https://s3.example.com/?a=1', `${TARGET}.endpoint`, /no user, query/],
  [`${TARGET}.publicEndpoint`, 'http://s3.example.com', `${TARGET}.publicEndpoint`, /https/],
  [`${TARGET}.region`, 'eu central', `${TARGET}.region`, /region/],
  [`${TARGET}.caFile`, 'gone', `${TARGET}.caFile`, /does not exist/],
  [`${TARGET}.caFile`, 'kek', `${TARGET}.caFile`, /PEM/],
  [`${CREDENTIALS}.kind`, 'magic', `${CREDENTIALS}.kind`, /one of static, default/],
  [`${CREDENTIALS}.secretAccessKeyFile`, undefined, `${CREDENTIALS}.secretAccessKey`, /missing/],
  [`${CREDENTIALS}.secretAccessKeyFile`, 'gone', `${CREDENTIALS}.secretAccessKeyFile`, /not exist/],
  [`${CREDENTIALS}.secretAccessKeyFile`, '.', `${CREDENTIALS}.secretAccessKeyFile`, /folder/],
  [`${CREDENTIALS}.secretAccessKeyFile`, 'blank', `${CREDENTIALS}.secretAccessKeyFile`, /empty/],
  [`${CREDENTIALS}.secretAccessKey`, 'both', `${CREDENTIALS}.secretAccessKeyFile`, /keep one/],
  [`${CREDENTIALS}.sessionToken`, ' ', `${CREDENTIALS}.sessionToken`, /empty/],
  [`${CREDENTIALS}.sessionTokenFile`, 'gone', `${CREDENTIALS}.sessionTokenFile`, /not exist/],
  [`${CREDENTIALS}.accessKeyId`, '', `${CREDENTIALS}.accessKeyId`, /empty/],
  [UPLOADS, { kind: 'magic' }, `${UPLOADS}.kind`, /one of static, default/],
  [UPLOADS, { kind: 'static', accessKeyId: 'A' }, `${UPLOADS}.secretAccessKey`, /missing/],
  [UPLOADS, { ...STATIC, secretAccessKeyFile: 'gone' }, `${UPLOADS}.secretAccessKeyFile`, /not exist/],
  [UPLOADS, { ...STATIC, secretAccessKey: 'both' }, `${UPLOADS}.secretAccessKeyFile`, /keep one/],
  [`${ISSUER}.audience`, 5, `${AT_ISSUER}.audience`, /text.* or a list/],
  [`${ISSUER}.audience`, [], `${AT_ISSUER}.audience`, /at least 1/],
  [`${ISSUER}.jwksUrl`, undefined, AT_ISSUER, /either jwksUrl or jwksFile$/],
  [`${ISSUER}.jwksFile`, 'kek', AT_ISSUER, /jwksUrl or jwksFile, not both/],
  [`${ISSUER}.jwksUrl`, 'http://login.example.com/jwks', `${AT_ISSUER}.jwksUrl`, /https/],
  [`${ISSUER}.algorithms`, [], `${AT_ISSUER}.algorithms`, /at least 1/],
  [`${ISSUER}.algorithms`, ['none'], `${AT_ISSUER}.algorithms[0]`, /one of RS256/],
  [`${ISSUER}.tenant`, undefined, AT_ISSUER, /either tenant or tenantClaim/],
  [`${ISSUER}.tenantClaim`, 'org', AT_ISSUER, /tenant or tenantClaim, not both/],
  [`${ISSUER}.tenant`, 'acmee', `${AT_ISSUER}.tenant`, /did you mean acme/],
  [`${TENANT}.target`, 'gone', `${TENANT}.target`, /one of s3\.targets \(main\)/],
  [`${TENANT}.bucket`, 'No', `${TENANT}.bucket`, /bucket name/],
  ['tenants.a/b', { target: 'main', bucket: 'bucket' }, 'tenants["a/b"]', /its name must be/],
  [`${TENANT}.objectKeyTemplate`, '{tenant}/{filename}', `${TENANT}.objectKeyTemplate`, /contain \{id\}/],
  [`${TENANT}.objectKeyTemplate`, '{id}/{name}', `${TENANT}.objectKeyTemplate`, /not a placeholder/],
  [`${TENANT}.objectKeyTemplate`, '/{id}', `${TENANT}.objectKeyTemplate`, /begin with "\/"/],
  [`${TENANT}.objectKeyTemplate`, 'a/../{id}', `${TENANT}.objectKeyTemplate`, /segments/],
  [`${TENANT}.objectKeyTemplate`, '{id}/a-{prefix}', `${TENANT}.objectKeyTemplate`, /segment of its own/],
  [`${TENANT}.objectKeyTemplate`, '{prefix}{id}', `${TENANT}.objectKeyTemplate`, /segment of its own/],
  [`${TENANT}.objectKeyTemplate`, '{prefix}/{prefix}/{id}', `${TENANT}.objectKeyTemplate`, /once at most/],
  [`${TENANT}.objectKeyTemplate`, '{id}/{', `${TENANT}.objectKeyTemplate`, /other half/],
  [`${TENANT}.objectKeyTemplate`, 'ä/{id}', `${TENANT}.objectKeyTemplate`, /ASCII/],
  [`${TENANT}.maxSizeBytes`, 53_687_091_200_001, `${TENANT}.maxSizeBytes`, /at most 53687091200000/],
  [`${TENANT}.methods`, [], `${TENANT}.methods`, /at least 1/],
  [`${TENANT}.methods`, ['put'], `${TENANT}.methods[0]`, /one of PUT, POST, multipart/],
  [`${TENANT}.verify`, 'read', `${TENANT}.verify`, /one of head, stream/],
  [`${TENANT}.rejected`, 'delete', `${TENANT}.rejected`, /one of keep, remove/],
  [`${TENANT}.contentTypes`, ['image'], `${TENANT}.contentTypes[0]`, /media type/],
  [`${TENANT}.urlSeconds`, { max: 604_801 }, `${TENANT}.urlSeconds.max`, /at most 604800/],
  [`${TENANT}.urlSeconds`, { min: 4000 }, `${TENANT}.urlSeconds.min`, /at most max/],
  [`${TENANT}.urlSeconds`, { max: 600 }, `${TENANT}.urlSeconds.default`, /between min/],
  [`${TENANT}.urlSeconds`, { default: 30 }, `${TENANT}.urlSeconds.default`, /between min/],
  [`${TENANT}.slotSeconds`, 59, `${TENANT}.slotSeconds`, /at least urlSeconds\.min/],
];

describe('mistakes of the configuration', () => {
  for (const [where, value, path, says] of CASES) {
    it(`${where} = ${JSON.stringify(value)}`, async () => {
      await using folder = await Folder.make();
      await folder.write('empty', '');
      await folder.write('blank', ' \n');
      const mistakes = await folder.mistakes(put(minimal(), where, value));
      assert.deepEqual(
        mistakes.map((mistake) => mistake.path),
        [path],
      );
      assert.match(mistakes[0]!.message, says);
    });
  }

  it('two entries that accept the same token', async () => {
    await using folder = await Folder.make();
    const document = minimal();
    document.auth.issuers.push({ ...document.auth.issuers[0]! });
    const mistakes = await folder.mistakes(document);
    assert.deepEqual(
      mistakes.map(({ path }) => path),
      ['auth.issuers[1].issuer'],
    );
  });

  it('shows the value, except where a secret is or could be', async () => {
    await using folder = await Folder.make();
    const value = async (where: string, given: unknown) => {
      const mistakes = await folder.mistakes(put(minimal(), where, given));
      assert.equal(mistakes.length > 0, true);
      return mistakes.map((mistake) => mistake.value);
    };
    assert.deepEqual(await value('listen.port', '80'), ['"80"']);
    assert.deepEqual(await value(`${CREDENTIALS}.kind`, 'magic'), ['"magic"']);
    for (const [where, given] of [
      [`${CREDENTIALS}.secretAccessKeyFile`, 'a-pasted-secret'],
      [`${CREDENTIALS}.sessionToken`, 12_345],
      [`${CREDENTIALS}.secretAccesKey`, 'misspelt'],
      [UPLOADS, { ...STATIC, accessKeyId: 12_345 }],
      [UPLOADS, { ...STATIC, secretAccesKey: 'misspelt' }],
      [CREDENTIALS, 'a-level-too-high'],
      [TARGET, 'two-levels-too-high'],
      ['custody.wrappers.local.kekFile', 'a-pasted-kek'],
      [`${TARGET}.endpoint`, 'http://user:password@s3.example.com'],
    ] as const)
      assert.equal((await value(where, given)).join(''), '', where);
  });
});

describe('YAML', () => {
  const lines = async (text: string) => {
    await using folder = await Folder.make();
    const mistakes = await folder.mistakes(text);
    return mistakes.map(({ path, message }) => `${path.slice(folder.root.length + 1)} ${message}`);
  };
  const holds = (found: string[], start: string, says: RegExp) =>
    assert.ok(
      found.some((line) => line.startsWith(start) && says.test(line)),
      found.join('\n'),
    );

  it('reports names given twice, with the line, and goes on', async () => {
    const found = await lines('log: {}\njobs: {}\nlog: {}\n');
    holds(found, 'sealslot.yaml:3:1 ', /twice/);
    assert.ok(found.length > 1);
  });

  it('reports anchors and aliases', async () => {
    holds(await lines('log: &a {}\n'), 'sealslot.yaml:1:', /anchors/);
    holds(await lines('log: &a {}\njobs: *a\n'), 'sealslot.yaml:2:', /aliases/);
  });

  it('reports tags, tabs and several documents', async () => {
    holds(await lines('log: !secret x\n'), 'sealslot.yaml:1:6 ', /tags/);
    holds(await lines('log:\n\tlevel: info\n'), 'sealslot.yaml:2:', /tabs|YAML/);
    holds(await lines('log: {}\n---\njobs: {}\n'), 'sealslot.yaml:2:', /one document/);
  });

  it('never quotes the source: it may be a secret', async () => {
    for (const value of [
      '*hush',
      '@hush',
      '&hush',
      '!hush',
      '"hush',
      '{hush',
      '%hush',
      '- hush',
      'a: hush: b',
    ])
      assert.doesNotMatch((await lines(`log: {}\nsecretAccessKey: ${value}\n`)).join('\n'), /hush/, value);
  });

  it('must be a map', async () => {
    await using folder = await Folder.make();
    for (const text of ['', 'text', '[]'])
      assert.match((await folder.mistakes(text))[0]!.message, /must be a map/);
  });
});
