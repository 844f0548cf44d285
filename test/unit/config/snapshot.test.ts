import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { ConfigErrors } from '../../../src/config/errors.ts';
import { ConfigSnapshot } from '../../../src/config/snapshot.ts';
import { Folder, minimal, put } from './folder.ts';

async function start(folder: Folder) {
  const write = (document: object) => folder.write('sealslot.yaml', stringify(document));
  const snapshot = await ConfigSnapshot.load({ path: await write(minimal()), env: {} });
  const reload = async () => {
    const reloaded = await snapshot.reload(async () => true);
    assert.ok(reloaded);
    return reloaded;
  };
  return { snapshot, reload, write };
}

describe('ConfigSnapshot', () => {
  it('changes nothing when nothing changed', async () => {
    await using folder = await Folder.make();
    const { reload } = await start(folder);
    assert.deepEqual(await reload(), { changed: [], needsRestart: [] });
  });

  it('swaps in tenants, issuers, CORS and credentials; a reference taken before stays as it was', async () => {
    await using folder = await Folder.make();
    const { snapshot, reload, write } = await start(folder);
    const before = snapshot.current;
    const document = minimal();
    put(document, 'cors.origins', ['https://app.example.com']);
    put(document, 'tenants.acme.requireSha256', true);
    put(document, 'tenants.new', { target: 'main', bucket: 'bucket' });
    put(document, 'auth.issuers.0.audience', 'other');
    await write(document);
    // Only the file's content: the document names the same path.
    await folder.write('s3-secret', 'rotated');
    const { changed, needsRestart } = await reload();
    assert.deepEqual(changed.sort(), [
      'auth.issuers',
      'cors.origins',
      's3.targets.main.credentials.secretAccessKey',
      'tenants.acme.requireSha256',
      'tenants.new',
    ]);
    assert.deepEqual(needsRestart, []);
    const { credentials } = snapshot.current.s3.targets.main!;
    assert.equal(credentials.kind === 'static' && credentials.secretAccessKey.reveal(), 'rotated');
    assert.equal(before.tenants.acme!.requireSha256, false);
    assert.ok(Object.isFrozen(snapshot.current) && Object.isFrozen(snapshot.current.s3.targets));
  });

  it('swaps in what uploads are signed with, alone and beside the other credentials', async () => {
    await using folder = await Folder.make();
    const { snapshot, reload, write } = await start(folder);
    const document = minimal();
    const at = 's3.targets.main.uploadCredentials';
    put(document, at, { kind: 'static', accessKeyId: 'UPLOADS', secretAccessKeyFile: 's3-secret' });
    await write(document);
    assert.deepEqual(await reload(), { changed: [at], needsRestart: [] });
    put(document, `${at}.accessKeyId`, 'OTHERS');
    put(document, 's3.targets.main.credentials.accessKeyId', 'OTHER');
    await write(document);
    const changed = ['s3.targets.main.credentials.accessKeyId', `${at}.accessKeyId`];
    assert.deepEqual(await reload(), { changed, needsRestart: [] });
    const { uploadCredentials } = snapshot.current.s3.targets.main!;
    assert.equal(uploadCredentials?.kind === 'static' && uploadCredentials.accessKeyId, 'OTHERS');
    await write(minimal());
    assert.deepEqual((await reload()).needsRestart, []);
    assert.equal(snapshot.current.s3.targets.main!.uploadCredentials, undefined);
  });

  it('swaps in what links are signed with: a rotation needs no restart', async () => {
    await using folder = await Folder.make();
    const { snapshot, reload, write } = await start(folder);
    for (const name of ['old', 'new']) await folder.write(name, name.repeat(20));
    for (const linkSecretFiles of [['old'], ['new', 'old']]) {
      await write(put(minimal(), 'content.linkSecretFiles', linkSecretFiles));
      assert.deepEqual(await reload(), { changed: ['content.linkSecrets'], needsRestart: [] });
    }
    const secrets = snapshot.current.content.linkSecrets.map((secret) => secret.reveal());
    assert.deepEqual(secrets, ['new'.repeat(20), 'old'.repeat(20)]);
  });

  it('swaps in what grants are signed with, from none to some to none', async () => {
    await using folder = await Folder.make();
    const { snapshot, reload, write } = await start(folder);
    for (const name of ['old', 'new']) await folder.write(name, name.repeat(20));
    for (const secretFiles of [['old'], ['new', 'old']]) {
      await write(put(minimal(), 'grants', { secretFiles }));
      assert.ok((await reload()).changed.every((name) => name.startsWith('grants')));
    }
    const { grants } = snapshot.current;
    assert.deepEqual(
      grants?.secrets.map((secret) => secret.reveal()),
      ['new'.repeat(20), 'old'.repeat(20)],
    );
    await write(minimal());
    assert.deepEqual(await reload(), { changed: ['grants'], needsRestart: [] });
    assert.equal(snapshot.current.grants, undefined);
  });

  it('keeps and names what needs a restart', async () => {
    await using folder = await Folder.make();
    const { snapshot, reload, write } = await start(folder);
    const document = minimal();
    put(document, 'listen.port', 8081);
    put(document, 's3.targets.main.endpoint', 'https://elsewhere.example.com');
    put(document, 's3.targets.main.credentials.accessKeyId', 'OTHER');
    put(document, 'tenants.acme.requireSha256', true);
    await write(document);
    const { changed, needsRestart } = await reload();
    assert.deepEqual(changed, ['tenants.acme.requireSha256']);
    assert.deepEqual(needsRestart.sort(), [
      'listen.port',
      's3.targets.main.credentials.accessKeyId',
      's3.targets.main.endpoint',
      's3.targets.main.publicEndpoint',
    ]);
    assert.equal(snapshot.current.listen.port, 8080);
    assert.equal(snapshot.current.s3.targets.main!.endpoint.host, 's3.example.com');
    const { credentials } = snapshot.current.s3.targets.main!;
    assert.equal(credentials.kind === 'static' && credentials.accessKeyId, 'AKIAEXAMPLE');
  });

  it('leaves the old in force when the new is bad, and takes a later good one', async () => {
    await using folder = await Folder.make();
    const { snapshot, reload, write } = await start(folder);
    const before = snapshot.current;
    await write(put(minimal(), 'tenants.acme.target', 'gone'));
    await assert.rejects(reload(), ConfigErrors);
    assert.equal(snapshot.current, before);
    await write(put(minimal(), 'tenants.acme.slotSeconds', 3600));
    assert.deepEqual((await reload()).changed, ['tenants.acme.slotSeconds']);
  });

  it('refuses a tenant on a target that only a restart brings', async () => {
    await using folder = await Folder.make();
    const { reload, write } = await start(folder);
    const document = minimal();
    put(document, 's3.targets.second', document.s3.targets.main);
    put(document, 'tenants.acme.target', 'second');
    await folder.write('sealslot.yaml', stringify(document, { aliasDuplicateObjects: false }));
    await assert.rejects(reload(), /tenants\.acme\.target = "second": a new target needs a restart/);
    await write(minimal());
    assert.deepEqual(await reload(), { changed: [], needsRestart: [] });
  });

  it('puts overlapping reloads in order', async () => {
    await using folder = await Folder.make();
    const { reload, write } = await start(folder);
    await write(put(minimal(), 'tenants.acme.slotSeconds', 3600));
    const [first, second] = await Promise.all([reload(), reload()]);
    assert.deepEqual([first.changed, second.changed], [['tenants.acme.slotSeconds'], []]);
  });

  it('asks before the new is in force, and keeps the old when that is not accepted', async () => {
    await using folder = await Folder.make();
    const { snapshot, reload, write } = await start(folder);
    const before = snapshot.current;
    await write(put(minimal(), 'tenants.acme.slotSeconds', 7200));
    const refused = await snapshot.reload(async (next) => {
      assert.equal(next.tenants.acme!.slotSeconds, 7200);
      assert.equal(snapshot.current, before);
      return false;
    });
    assert.equal(refused, undefined);
    assert.equal(snapshot.current, before);
    assert.deepEqual((await reload()).changed, ['tenants.acme.slotSeconds']);
  });

  it('reads the file for the next reload only when the one before is accepted or not', async () => {
    await using folder = await Folder.make();
    const { snapshot, reload, write } = await start(folder);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const asked = Promise.withResolvers<undefined>();
    await write(put(minimal(), 'tenants.acme.slotSeconds', 7200));
    const first = snapshot.reload(() => {
      asked.resolve(undefined);
      return promise;
    });
    await asked.promise;
    const second = reload();
    await write(put(minimal(), 'tenants.acme.slotSeconds', 9000));
    resolve(true);
    await Promise.all([first, second]);
    assert.equal(snapshot.current.tenants.acme!.slotSeconds, 9000);
  });
});
