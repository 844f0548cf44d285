import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { diagnoseIn, sealslotIn } from '../support/doctor.ts';
import { startOpenbao } from '../support/openbao.ts';
import { setUp, startService } from '../support/service.ts';
import { minimalPolicy, tokenFor, vaultWorld, type VaultWorld } from '../unit/custody/vault-transit-world.ts';
import { custodyOf, issue, temporaryFolder, transitWrapper, unreadable } from './support-custody.ts';

const SLOTS = 1000;
const CONNECTIONS = 64;
const EX_CONFIG = 78;

const openbao = await available(startOpenbao);

describe('serve with OpenBao transit', { skip: openbao.skip, timeout: 120_000 }, () => {
  let world: VaultWorld;
  let caFile: string;
  before(async () => {
    world = await vaultWorld(openbao.get());
    caFile = await world.secret('ca.pem', world.caPem);
  });
  after(async () => {
    await world.stop();
    await openbao.stop();
  });

  /** A folder that is set up for this transit key; as root, who may make keys, unless there is another token. */
  async function folderFor(key: string, token = openbao.get().rootToken) {
    const folder = await temporaryFolder();
    await writeFile(join(folder.path, 'bao-token'), token, { mode: 0o600 });
    const wrappers = { vault: transitWrapper({ address: world.address, caFile }, key) };
    await setUp(folder.path, { custody: custodyOf({ current: 'vault', wrappers }) });
    return folder;
  }

  async function keys(): Promise<unknown> {
    return (await openbao.get().request('LIST', 'transit/keys')).data?.['keys'];
  }

  async function isRefused(dir: string, why: RegExp): Promise<void> {
    const served = await sealslotIn(dir, 'serve');
    assert.equal(served.exitCode, EX_CONFIG, served.stderr);
    assert.match(served.stderr, why);
    assert.ok(!served.stdout.includes('"ready"'));
    const { exitCode, findings } = await diagnoseIn(dir);
    assert.notEqual(exitCode, 0);
    const found = findings.find(({ check }) => check === 'custody.opens');
    assert.equal(found?.outcome, 'off');
    assert.match(found.found, why);
  }

  it('refuses to start with a key that is not derived, and the doctor names it', async () => {
    await openbao.get().request('POST', 'transit/keys/plain', {});
    await using folder = await folderFor('plain');
    await isRefused(folder.path, /`derived`/);
  });

  it('sees that also where the policy does not let it read the key', async () => {
    await openbao.get().request('POST', 'transit/keys/unread', {});
    await using folder = await folderFor(
      'unread',
      await tokenFor(openbao.get(), 'unread', minimalPolicy('unread')),
    );
    await isRefused(folder.path, /`derived`/);
  });

  it('refuses to start with a misspelt key, which it does not make, though it might', async () => {
    await openbao.get().request('POST', 'transit/keys/uploads', { derived: true });
    const before = await keys();
    await using folder = await folderFor('uplaods');
    await isRefused(folder.path, /no such transit key/);
    assert.deepEqual(await keys(), before);
  });

  it(`issues ${SLOTS} slots over ${CONNECTIONS} connections with far fewer calls`, async (t) => {
    await openbao.get().request('POST', 'transit/keys/many', { derived: true });
    await using folder = await folderFor(
      'many',
      await tokenFor(openbao.get(), 'many', minimalPolicy('many')),
    );
    await using service = await startService({ dir: folder.path });
    world.seen.length = 0;
    const handedOut = await issue(service, SLOTS, CONNECTIONS);
    const calls = world.seen.filter(({ path }) => path.startsWith('/v1/transit/encrypt/')).length;
    t.diagnostic(`${SLOTS} slots: ${calls} calls of encrypt, ${world.seen.length} in all`);
    assert.ok(calls > 0, 'control: calls are counted');
    assert.ok(world.seen.length <= SLOTS / 4, `${world.seen.length} calls`);
    assert.deepEqual(await unreadable(folder.path, handedOut), []);
    await service.stop();
  });
});
