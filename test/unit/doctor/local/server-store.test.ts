import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { examineServer } from '../../../../src/doctor/local/server-store.ts';
import type { ServerFacts, StoreState } from '../../../../src/store/inspection.ts';

const SERVER: ServerFacts = {
  connectMilliseconds: 12,
  tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
  isLocal: false,
  version: 160_004,
  isInRecovery: false,
  isReadOnly: false,
  fsync: true,
  fullPageWrites: true,
  synchronousCommit: 'on',
  synchronousStandbys: 'ANY 1 (a, b)',
  standbysInSync: 2,
  autovacuum: true,
  maxConnections: 97,
  replicas: 3,
  clock: { aheadMilliseconds: 3, uncertainty: 2 },
  missingRights: [],
  mayMigrate: true,
};

async function examine(
  other: Partial<ServerFacts> = {},
  state: StoreState = { kind: 'sound', applied: 1, pending: [] },
) {
  const inspection = { kind: 'postgres', place: 'the database', usage: [], state } as const;
  const findings = await Array.fromAsync(
    examineServer({ ...inspection, server: { ...SERVER, ...other } }, 10),
  );
  return findings
    .filter(({ outcome }) => outcome !== 'ok')
    .map(({ check, outcome, found }) => `${check} ${outcome}: ${found}`);
}

describe('doctor, what a server says of itself', () => {
  it('finds a primary right that waits for a standby', async () => {
    assert.deepEqual(await examine(), []);
    assert.deepEqual(await examine({ standbysInSync: undefined }), [], 'this role may not see them');
  });

  const cases: readonly (readonly [Partial<ServerFacts>, RegExp])[] = [
    [{ version: 130_012 }, /^store\.answers off: .* PostgreSQL 13\.12; 14 is the oldest/],
    [{ isInRecovery: true, isReadOnly: true }, /^store\.answers off: .* standby: it takes no writes/],
    [{ isReadOnly: true }, /^store\.answers off: .* default_transaction_read_only is on/],
    [{ tls: undefined }, /^store\.tls unsafe: none/],
    [{ fsync: false }, /^store\.synced unsafe: fsync is off/],
    [{ fullPageWrites: false }, /^store\.synced unsafe: full_page_writes is off/],
    [{ synchronousCommit: 'off' }, /^store\.synced unsafe: synchronous_commit is off/],
    [{ synchronousStandbys: '' }, /^store\.standby note: none: the loss of the one disk/],
    [{ synchronousCommit: 'local' }, /^store\.standby note: synchronous_commit is local/],
    [{ standbysInSync: 0 }, /^store\.standby note: .* none is connected/],
    [{ maxConnections: 34 }, /^store\.connections note: 3 replicas of up to 10 connections, 34 allowed/],
    [{ clock: { aheadMilliseconds: -5000, uncertainty: 500 } }, /^store\.clock note: 4\.5 s behind/],
    [{ autovacuum: false }, /^store\.vacuum off/],
    [{ missingRights: ['INSERT on keys'] }, /^store\.rights off: the role lacks INSERT on keys/],
  ];
  for (const [other, says] of cases)
    it(`tells ${JSON.stringify(other)}`, async () => {
      const [found = '', ...others] = await examine(other);
      assert.match(found, says);
      assert.deepEqual(others, []);
    });

  it('a clock that is off by less than the answer took is as good as right', async () => {
    assert.deepEqual(await examine({ clock: { aheadMilliseconds: 5000, uncertainty: 3500 } }), []);
  });

  const states: readonly (readonly [StoreState, boolean, RegExp])[] = [
    [{ kind: 'absent' }, true, /^store\.schema note: there are none yet/],
    [{ kind: 'absent' }, false, /^store\.schema off: .* may not make them/],
    [{ kind: 'sound', applied: 1, pending: ['2 (more)'] }, true, /^store\.schema note: .* 2 \(more\)/],
    [{ kind: 'sound', applied: 1, pending: ['2 (more)'] }, false, /^store\.schema off: .* may not/],
    [{ kind: 'compatible', migration: 2 }, false, /^store\.schema note: .* serves beside it/],
    [{ kind: 'newer', migration: 2 }, true, /^store\.schema off: a newer version/],
    [{ kind: 'moved', reason: 'It holds a part.' }, true, /^store\.schema off: It holds a part/],
    [{ kind: 'unreadable', reason: 'permission denied' }, true, /^store\.schema off: .* permission denied/],
  ];
  for (const [state, mayMigrate, says] of states)
    it(`tells a schema that is ${state.kind}, to a role that ${mayMigrate ? 'may' : 'may not'} migrate`, async () => {
      const found = await examine({ mayMigrate }, state);
      assert.equal(found.length, 1);
      assert.match(found[0] ?? '', says);
    });
});
