import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UPLOAD_EVENTS } from '../../../src/store/port.ts';
import { makeCa } from '../../support/ca.ts';
import { Folder, minimal, put } from './folder.ts';

const HOOK = 'tenants.acme.webhooks.crm';
const URL_AT = `${HOOK}.url`;
const good = { url: 'https://crm.example.com/hooks', secretFiles: ['hook-secret'] };
const secretOf = (bytes: number): string => Buffer.alloc(bytes, 7).toString('base64');

/** The file `hook-secret`, and whether it is taken. */
const SECRETS: readonly (readonly [text: string, isGood: boolean])[] = [
  [`whsec_${secretOf(24)}`, true],
  [secretOf(24), true],
  [`whsec_${secretOf(25)}\n`, true],
  [`whsec_${secretOf(64)}`, true],
  [`whsec_${secretOf(23)}`, false],
  [`whsec_${secretOf(65)}`, false],
  [`whsec_${secretOf(25).replaceAll('=', '')}`, false],
  [`whsec_${Buffer.alloc(32, 255).toString('base64url')}`, false],
  [`whsec_ ${secretOf(24)}`, false],
  ['whpk_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0', false],
  ['whsec_', false],
];

/** What is put where, and what is said of it there. */
const MISTAKES: readonly (readonly [path: string, value: unknown, says: RegExp])[] = [
  [URL_AT, 'http://crm.example.com/hooks', /https/],
  [URL_AT, 'crm.example.com', /must be a URL/],
  [URL_AT, 'https://user:word@crm.example.com/', /no user/],
  [URL_AT, 'https://crm.example.com/#part', /no user or fragment/],
  [URL_AT, 'https://10.1.2.3/hooks', /address must be public, or in allowedAddresses/],
  [URL_AT, 'https://2130706433/', /address must be public/],
  [URL_AT, 'https://[::ffff:127.0.0.1]/', /address must be public/],
  [`${HOOK}.secretFiles`, [], /at least 1/],
  [`${HOOK}.events`, [], /at least 1/],
  [`${HOOK}.caFile`, 'hook-secret', /PEM/],
];
const BAD_RANGES = [
  '10.0.0.0',
  '10.0.0.0/33',
  '10.0.0/8',
  'fd00::/129',
  'localhost/8',
  'fe80::%eth0/64',
  '/8',
  '0x7f/8',
];

async function hookFolder(): Promise<Folder> {
  const folder = await Folder.make();
  await folder.write('hook-secret', `whsec_${secretOf(32)}`);
  return folder;
}

describe('webhooks in the configuration', () => {
  it('get every event unless told, and their secrets without prefix', async () => {
    await using folder = await hookFolder();
    await folder.write('next-secret', secretOf(24));
    const { caPem } = await makeCa(folder.root);
    const hook = {
      ...{ ...good, secretFiles: ['next-secret', 'hook-secret'], caFile: 'ca.crt' },
      allowedAddresses: ['10.1.0.0/16', 'fd00::/8'],
    };
    const config = await folder.load(put(minimal(), HOOK, hook));
    const crm = config.tenants['acme']?.webhooks['crm'];
    assert.deepEqual(
      crm?.secrets.map((secret) => secret.reveal()),
      [secretOf(24), secretOf(32)],
    );
    assert.equal(crm.url.href, good.url);
    assert.deepEqual(crm.events, UPLOAD_EVENTS);
    assert.deepEqual(crm.allowedAddresses, hook.allowedAddresses);
    assert.equal(crm.ca, caPem.trim());
    assert.doesNotMatch(JSON.stringify(config), new RegExp(secretOf(24)));
  });

  for (const [text, isGood] of SECRETS) {
    it(`the secret ${JSON.stringify(text)} is ${isGood ? 'good' : 'a mistake'}`, async () => {
      await using folder = await hookFolder();
      await folder.write('hook-secret', text);
      const mistakes = await folder.mistakes(put(minimal(), HOOK, good));
      const paths = mistakes.map(({ path }) => path);
      assert.deepEqual(paths, isGood ? [] : [`${HOOK}.secretFiles[0]`]);
      // The mistake names the file, not what is in it.
      for (const mistake of mistakes) assert.equal(mistake.value?.includes('hook-secret'), true);
    });
  }

  for (const [path, value, says] of MISTAKES) {
    it(`${path} = ${JSON.stringify(value)}`, async () => {
      await using folder = await hookFolder();
      const mistakes = await folder.mistakes(put(put(minimal(), HOOK, { ...good }), path, value));
      assert.deepEqual(
        mistakes.map((mistake) => mistake.path),
        [path],
      );
      assert.match(mistakes[0]?.message ?? '', says);
    });
  }

  it('an address that is not public is good where it is allowed', async () => {
    await using folder = await hookFolder();
    const inside = { ...good, url: 'https://10.1.2.3/hooks', allowedAddresses: ['10.1.0.0/16'] };
    assert.deepEqual(await folder.mistakes(put(minimal(), HOOK, inside)), []);
  });

  for (const range of BAD_RANGES) {
    it(`the range ${range} is a mistake`, async () => {
      await using folder = await hookFolder();
      const [mistake, ...more] = await folder.mistakes(
        put(minimal(), HOOK, { ...good, allowedAddresses: ['fd00::/8', range] }),
      );
      assert.deepEqual([mistake?.path, more], [`${HOOK}.allowedAddresses[1]`, []]);
      assert.match(mistake?.message ?? '', /range such as/);
    });
  }
});
