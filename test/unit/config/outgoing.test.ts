import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { UPLOAD_EVENTS } from '../../../src/store/port.ts';
import { Folder, minimal, put } from './folder.ts';

const LINK_SECRET = 'x'.repeat(32);
const HOOK = 'tenants.acme.webhooks.crm';
const hook = (changes: object = {}) => ({
  url: 'https://crm.example.com/in',
  secretFiles: ['hook'],
  ...changes,
});
const secretOf = (bytes: number) => `whsec_${randomBytes(bytes).toString('base64')}`;

async function folderWith(files: Readonly<Record<string, string>> = {}): Promise<Folder> {
  const folder = await Folder.make();
  const all = { link: ` ${LINK_SECRET}\n`, short: LINK_SECRET.slice(1), hook: secretOf(24), ...files };
  for (const [name, text] of Object.entries(all)) await folder.write(name, text);
  return folder;
}

describe('the settings of links and webhooks', () => {
  it('reads secrets, and prints none of them', async () => {
    await using folder = await folderWith({ second: 'y'.repeat(40), hook: `whsec_${'Ab0+'.repeat(8)}\n` });
    const document = put(minimal(), 'content', {
      origin: 'https://usercontent.example.com',
      linkSecretFiles: ['second', 'link'],
      linkSeconds: { max: 7200 },
      inlineTypes: ['image/png'],
    });
    const { content, tenants } = await folder.load(
      put(document, HOOK, hook({ allowedAddresses: ['fd00::/8'] })),
    );
    assert.equal(content.origin?.host, 'usercontent.example.com');
    assert.deepEqual(
      content.linkSecrets.map((secret) => secret.reveal()),
      ['y'.repeat(40), LINK_SECRET],
    );
    assert.deepEqual(content.linkSeconds, { default: 300, max: 7200 });
    assert.deepEqual(content.inlineTypes, ['image/png']);
    const webhook = tenants['acme']?.webhooks['crm'];
    assert.ok(webhook);
    assert.deepEqual(
      webhook.secrets.map((secret) => secret.reveal()),
      ['Ab0+'.repeat(8)],
    );
    assert.deepEqual([webhook.events, webhook.allowedAddresses], [UPLOAD_EVENTS, ['fd00::/8']]);
    assert.doesNotMatch(JSON.stringify({ content, tenants }), /Ab0\+|x{9}|y{9}/);
    assert.ok(Object.isFrozen(content) && Object.isFrozen(content.linkSecrets));
  });

  const contentMistakes: readonly (readonly [name: string, value: unknown, path: string, says: RegExp])[] = [
    ['origin', 'https://u.example.com/', 'origin', /exact origin/],
    ['origin', 'http://u.example.com', 'origin', /https/],
    ['origin', 'u.example.com', 'origin', /must be a URL/],
    ['linkSecretFiles', ['gone'], 'linkSecretFiles[0]', /not exist/],
    ['linkSecretFiles', ['link', 'short'], 'linkSecretFiles[1]', /at least 32/],
    ['linkSecretFiles', ['link', 'link'], 'linkSecretFiles', /./],
    ['linkSeconds', { default: 301, max: 300 }, 'linkSeconds.default', /at most max, which is 300/],
    ['linkSeconds', { max: 299 }, 'linkSeconds.default', /at most max, which is 299/],
    ['linkSeconds', { max: 0 }, 'linkSeconds.max', /at least 1/],
    ['inlineTypes', ['image/*'], 'inlineTypes[0]', /media type/],
    ['inlineTypes', ['IMAGE/png'], 'inlineTypes[0]', /lower-case/],
    ['inlineTypes', ['image/png', 'text/html'], 'inlineTypes[1]', /scripts/],
    ['inlineTypes', ['image/svg+xml'], 'inlineTypes[0]', /scripts/],
    ['inlineTypes', ['application/xhtml+xml'], 'inlineTypes[0]', /scripts/],
    ['inlineTypes', ['text/xml'], 'inlineTypes[0]', /scripts/],
    ['inlineTypes', ['text/javascript'], 'inlineTypes[0]', /scripts/],
    ['inlineTypes', ['application/pdf'], 'inlineTypes[0]', /scripts/],
    ['link', 1, 'link', /not known/],
  ];
  for (const [name, value, path, says] of contentMistakes) {
    it(`content.${name} = ${JSON.stringify(value)}`, async () => {
      await using folder = await folderWith();
      const mistakes = await folder.mistakes(put(minimal(), `content.${name}`, value));
      assert.deepEqual(
        mistakes.map((mistake) => mistake.path),
        [`content.${path}`],
      );
      assert.match(mistakes[0]?.message ?? '', says);
    });
  }

  const hookMistakes: readonly (readonly [changes: object, path: string, says: RegExp])[] = [
    [{ url: 'http://crm.example.com/in' }, '.url', /https/],
    [{ url: 'https://u:p@crm.example.com/in' }, '.url', /user/],
    [{ url: 'https://crm.example.com/in#x' }, '.url', /fragment/],
    [{ url: 'crm' }, '.url', /must be a URL/],
    [{ url: undefined }, '.url', /missing/],
    [{ secretFiles: [] }, '.secretFiles', /at least 1/],
    [{ secretFiles: ['gone'] }, '.secretFiles[0]', /not exist/],
    [{ secretFiles: ['hook', 'weak'] }, '.secretFiles[1]', /24 to 64 random bytes/],
    [{ secretFiles: ['long'] }, '.secretFiles[0]', /24 to 64 random bytes/],
    [{ secretFiles: ['link'] }, '.secretFiles[0]', /whsec_/],
    [{ events: ['upload.issued'] }, '.events[0]', /one of upload\./],
    [{ events: [] }, '.events', /at least 1/],
    [{ allowedAddresses: ['10.0.0.0'] }, '.allowedAddresses[0]', /range/],
    [{ allowedAddresses: ['10.0.0.0/33'] }, '.allowedAddresses[0]', /range/],
    [{ allowedAddresses: ['10.0.0.0/8', 'fd00::/129'] }, '.allowedAddresses[1]', /range/],
    [{ allowedAddresses: ['localhost/8'] }, '.allowedAddresses[0]', /range/],
    [{ allowedAddresses: ['10.0.0.0/8/8'] }, '.allowedAddresses[0]', /range/],
    [{ caFile: 'link' }, '.caFile', /PEM/],
    [{ retries: 3 }, '.retries', /not known/],
  ];
  for (const [changes, path, says] of hookMistakes) {
    it(`a webhook with ${JSON.stringify(changes)}`, async () => {
      await using folder = await folderWith({ weak: secretOf(23), long: secretOf(65), link: '!'.repeat(40) });
      const mistakes = await folder.mistakes(put(minimal(), HOOK, hook(changes)));
      assert.deepEqual(
        mistakes.map((mistake) => mistake.path),
        [`${HOOK}${path}`],
      );
      assert.match(mistakes[0]?.message ?? '', says);
    });
  }

  it('shows no secret in a mistake about it', async () => {
    await using folder = await folderWith({ pasted: 'hush-'.repeat(5) });
    const document = put(minimal(), 'content.linkSecretFiles', ['pasted']);
    const mistakes = await folder.mistakes(put(document, HOOK, hook({ secretFiles: ['pasted'] })));
    assert.equal(mistakes.length, 2);
    assert.doesNotMatch(JSON.stringify(mistakes), /hush-/);
  });
});
