import assert from 'node:assert/strict';
import { chmod, chown, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { loadConfig } from '../../../../src/config/load.ts';
import type { Environment } from '../../../../src/config/overrides.ts';
import { examineFiles, FILES_CHECKS } from '../../../../src/doctor/local/files.ts';
import { makeCa } from '../../../support/ca.ts';
import { scratchFolder } from '../../../support/s3-server.ts';
import { Folder, minimal, put, SECRET } from '../../config/folder.ts';
import { summary } from '../findings.ts';

const scratch = await scratchFolder('files-ca');
const ca = await makeCa(scratch.path);
after(() => scratch.remove());

describe('doctor, files', () => {
  let folder: Folder;
  const at = (name: string) => join(folder.root, name);

  beforeEach(async () => {
    folder = await Folder.make();
    await chmod(at('s3-secret'), 0o600);
    await mkdir(at('keys'), { mode: 0o700 });
    await mkdir(at('data'), { mode: 0o700 });
    await writeFile(at('keys/kek'), 'not looked into', { mode: 0o600 });
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  async function examine(
    options: { document?: object; configMode?: number; env?: Environment; userId?: number } = {},
  ) {
    const { document = {}, configMode = 0o644, env = {}, userId } = options;
    const text = put(
      put({ ...minimal(), ...document }, 'store.path', 'data/slots.db'),
      'custody.wrappers.local.kekFile',
      'keys/kek',
    );
    const configPath = await folder.write('sealslot.yaml', JSON.stringify(text));
    await chmod(configPath, configMode);
    const config = await loadConfig({ path: configPath, env });
    const examination = examineFiles({ config, configPath, ...(userId !== undefined && { userId }) });
    const found = await summary(examination, FILES_CHECKS);
    assert.ok(!JSON.stringify(found).includes(SECRET), 'a secret is told');
    return { ...found, wrong: found.findings.filter(({ outcome }) => outcome !== 'ok') };
  }

  const wrongLines = (found: Awaited<ReturnType<typeof examine>>) =>
    found.wrong.map(({ check, outcome }) => `${check} ${outcome}`);

  /** The secret in the configuration itself. */
  function inline(): object {
    const document = minimal();
    put(document, 's3.targets.main.credentials.secretAccessKeyFile', undefined);
    return put(document, 's3.targets.main.credentials.secretAccessKey', SECRET);
  }

  it('finds nothing wrong where nothing is', async () => {
    const { lines, value } = await examine();
    assert.deepEqual(lines, [
      'files.config ok',
      'files.secrets ok',
      'files.kek ok',
      'files.store ok',
      'files.apart ok',
    ]);
    assert.equal(value, true);
  });

  describe('configuration', () => {
    it('may be read by others, but not when it holds secrets', async () => {
      assert.deepEqual(wrongLines(await examine({ document: inline() })), ['files.config unsafe']);
      assert.deepEqual(wrongLines(await examine({ document: inline(), configMode: 0o640 })), []);
    });

    it('holds no secret that comes by the environment', async () => {
      const document = put(minimal(), 's3.targets.main.credentials.secretAccessKeyFile', undefined);
      const env = { SEALSLOT_S3__TARGETS__MAIN__CREDENTIALS__SECRET_ACCESS_KEY: SECRET };
      const { lines } = await examine({ document, env });
      assert.deepEqual(lines, ['files.config ok', 'files.kek ok', 'files.store ok', 'files.apart ok']);
    });

    it('must not be written by others, and better not by a group', async () => {
      assert.deepEqual(wrongLines(await examine({ configMode: 0o646 })), ['files.config unsafe']);
      assert.deepEqual(wrongLines(await examine({ configMode: 0o664 })), ['files.config note']);
    });
  });

  it('looks at every file that a secret came from, also at one that the environment names', async () => {
    const token = await folder.write('token', 'session');
    const env = { SEALSLOT_S3__TARGETS__MAIN__CREDENTIALS__SESSION_TOKEN_FILE: token };
    for (const [mode, outcome] of [
      [0o644, 'unsafe'],
      [0o602, 'unsafe'],
      [0o660, 'note'],
    ] as const) {
      await chmod(token, mode);
      const { wrong } = await examine({ env });
      assert.deepEqual(
        wrong.map((each) => [each.check, each.outcome]),
        [['files.secrets', outcome]],
      );
      assert.ok(wrong[0]?.found.startsWith(token));
    }
    await chmod(token, 0o440);
    assert.deepEqual(wrongLines(await examine({ env })), []);
  });

  it('looks at what grants are signed with', async () => {
    const secret = await folder.write('grant-secret', 'a secret of at least 32 characters');
    const document = { grants: { secretFiles: ['grant-secret'] } };
    for (const [mode, outcomes] of [
      [0o644, ['files.secrets unsafe']],
      [0o660, ['files.secrets note']],
      [0o600, []],
    ] as const) {
      await chmod(secret, mode);
      assert.deepEqual(wrongLines(await examine({ document })), outcomes);
    }
  });

  describe('what the service believes', () => {
    async function withTrustFiles(modes: { jwks?: number; ca?: number }) {
      await folder.write('jwks.json', '{"keys":[]}');
      await folder.write('ca.pem', await readFile(ca.caFile, 'utf8'));
      await chmod(at('jwks.json'), modes.jwks ?? 0o644);
      await chmod(at('ca.pem'), modes.ca ?? 0o644);
      const document = put(minimal(), 's3.targets.main.caFile', 'ca.pem');
      const issuers = minimal().auth.issuers.map((issuer) =>
        put(put(issuer, 'jwksUrl', undefined), 'jwksFile', 'jwks.json'),
      );
      return put(document, 'auth.issuers', issuers);
    }

    it('may be read by all', async () => {
      const { lines } = await examine({ document: await withTrustFiles({}) });
      assert.ok(lines.includes('files.jwks ok') && lines.includes('files.ca ok'), lines.join());
    });

    for (const [what, who, mode, outcome] of [
      ['jwks', 'others', 0o646, 'unsafe'],
      ['jwks', 'its group', 0o664, 'note'],
      ['ca', 'others', 0o646, 'unsafe'],
      ['ca', 'its group', 0o664, 'note'],
    ] as const) {
      it(`${what}: ${outcome} when ${who} may change it`, async () => {
        const { wrong } = await examine({ document: await withTrustFiles({ [what]: mode }) });
        assert.deepEqual(
          wrong.map((finding) => [finding.check, finding.outcome]),
          [[`files.${what}`, outcome]],
        );
        assert.match(wrong[0]?.found ?? '', new RegExp(`${who} may change it`));
      });
    }
  });

  describe('the folder', () => {
    it('of the KEK must not be written by others, and better not by a group', async () => {
      await chmod(at('keys'), 0o703);
      assert.deepEqual(wrongLines(await examine()), ['files.kek unsafe']);
      await chmod(at('keys'), 0o770);
      assert.deepEqual(wrongLines(await examine()), ['files.kek note']);
    });

    it('of the configuration likewise', async () => {
      await chmod(folder.root, 0o703);
      assert.deepEqual(wrongLines(await examine()), ['files.config unsafe']);
      await chmod(folder.root, 0o770);
      assert.deepEqual(wrongLines(await examine()), ['files.config note']);
    });

    it('may be written by all when nobody can replace what another has there, as Kubernetes mounts it', async () => {
      await chmod(at('keys'), 0o1777);
      assert.deepEqual(wrongLines(await examine()), []);
    });

    it('is judged where the link lies and where it leads', async () => {
      await mkdir(at('mounted'), { mode: 0o700 });
      await rename(at('keys/kek'), at('mounted/kek'));
      await symlink('../mounted/kek', at('keys/kek'));
      for (const open of ['keys', 'mounted']) {
        await chmod(at(open), 0o703);
        const { wrong } = await examine();
        assert.deepEqual(
          wrong.map(({ check, outcome, remedy }) => [check, outcome, remedy]),
          [['files.kek', 'unsafe', `chmod o-w ${at(open)}`]],
        );
        await chmod(at(open), 0o700);
      }
    });
  });

  describe('KEK', () => {
    for (const [mode, outcome] of [
      [0o604, 'unsafe'],
      [0o601, 'unsafe'],
      [0o620, 'unsafe'],
      [0o640, undefined],
      [0o400, undefined],
    ] as const) {
      it(`of mode 0${mode.toString(8)} is ${outcome ?? 'ok'}`, async () => {
        await chmod(at('keys/kek'), mode);
        const lines = wrongLines(await examine());
        assert.deepEqual(lines, outcome === undefined ? [] : [`files.kek ${outcome}`]);
      });
    }

    it('is judged behind its link, as Kubernetes mounts it', async () => {
      await rename(at('keys/kek'), at('keys/real'));
      await chmod(at('keys/real'), 0o604);
      await symlink('real', at('keys/kek'));
      assert.deepEqual(wrongLines(await examine()), ['files.kek unsafe']);
    });

    it('belongs to the user that serves, or to root', async () => {
      const mine = process.getuid?.() ?? 0;
      assert.deepEqual(wrongLines(await examine({ userId: mine })), []);
      // Root may own it for another user: only root can make such a file.
      const others = mine === 0 ? [] : ['files.kek unsafe'];
      assert.deepEqual(wrongLines(await examine({ userId: mine + 4000 })), others);
      if (mine !== 0) return;
      await chown(at('keys/kek'), 4001, 4001);
      assert.deepEqual(wrongLines(await examine({ userId: 4000 })), ['files.kek unsafe']);
      assert.deepEqual(wrongLines(await examine({ userId: 4001 })), []);
      assert.deepEqual(wrongLines(await examine({ userId: 0 })), ['files.kek note']);
    });
  });

  describe('store', () => {
    for (const suffix of ['', '-wal', '-shm', '.lock']) {
      it(`slots.db${suffix} must not be open to others`, async () => {
        await writeFile(at('data/slots.db'), '', { mode: 0o600 });
        const path = await folder.write(`data/slots.db${suffix}`, '');
        await chmod(path, 0o604);
        const { wrong } = await examine();
        assert.deepEqual(
          wrong.map(({ check, outcome, remedy }) => [check, outcome, remedy]),
          [['files.store', 'unsafe', `chmod 600 ${path}`]],
        );
        await chmod(path, 0o660);
        assert.deepEqual(wrongLines(await examine()), ['files.store note']);
        await chmod(path, 0o600);
        assert.deepEqual(wrongLines(await examine()), []);
      });
    }

    it('must not lie where others may write, before it is made and after', async () => {
      await chmod(at('data'), 0o1777);
      assert.deepEqual(wrongLines(await examine()), ['files.store unsafe']);
      await writeFile(at('data/slots.db'), '', { mode: 0o600 });
      assert.deepEqual(wrongLines(await examine()), ['files.store unsafe']);
    });

    it('is judged where its link leads', async () => {
      await mkdir(at('volume'), { mode: 0o700 });
      await writeFile(at('volume/slots.db'), '', { mode: 0o600 });
      await writeFile(at('volume/slots.db-wal'), '', { mode: 0o600 });
      await chmod(at('volume/slots.db-wal'), 0o644);
      await symlink('../volume/slots.db', at('data/slots.db'));
      assert.deepEqual(wrongLines(await examine()), ['files.store unsafe']);
    });
  });

  it('notes that KEK and store are copied together', async () => {
    await rename(at('keys'), at('data/keys'));
    await symlink('data/keys', at('keys'));
    const { wrong } = await examine();
    assert.deepEqual(
      wrong.map(({ check, outcome }) => [check, outcome]),
      [['files.apart', 'note']],
    );
    assert.match(wrong[0]?.found ?? '', /whoever copies that folder has every key/);
  });
});
