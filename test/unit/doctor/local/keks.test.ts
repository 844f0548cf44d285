import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CustodyConfig } from '../../../../src/config/config.ts';
import { INTERMEDIATE } from '../../../../src/custody/intermediate.ts';
import type { KekCondition } from '../../../../src/custody/port.ts';
import { examineConditions, examineNeeded, KEKS_CHECKS } from '../../../../src/doctor/local/keks.ts';
import type { Finding } from '../../../../src/doctor/finding.ts';
import type { KekUse } from '../../../../src/store/port.ts';
import { summary } from '../findings.ts';

const NOW = 1_790_000_000_000;
const DAY_MS = 86_400_000;
const CURRENT: KekCondition = { wrapperId: 'kms', kekId: 'arn:current', state: 'usable' };
const OLD: KekCondition = { wrapperId: 'local', kekId: 'kek-1', state: 'usable' };

const said = (findings: Iterable<Finding>) =>
  summary(
    (async function* () {
      yield* findings;
      return true;
    })(),
    KEKS_CHECKS,
  );
const conditions = (...all: readonly KekCondition[]) => said(examineConditions(all, () => NOW));

describe('doctor, what the keepers of KEKs say', () => {
  it('finds usable KEKs right, also those that only unwrap', async () => {
    const { lines, findings } = await conditions(CURRENT, OLD);
    assert.deepEqual(lines, ['custody.condition ok', 'custody.condition ok']);
    assert.match(findings[1]?.found ?? '', /kek-1 of "local" is usable/);
  });

  it('only notes a keeper that does not tell, and why', async () => {
    const { last } = await conditions({ ...CURRENT, state: 'unknown', detail: 'no right to read the key' });
    assert.equal(last.outcome, 'note');
    assert.match(last.found, /its keeper does not tell \(no right to read the key\)/);
    assert.match((await conditions({ ...CURRENT, state: 'unknown' })).last.found, /does not tell$/);
  });

  it('says what a disabled KEK stops: new slots too when it is the current one', async () => {
    const { findings } = await conditions({ ...CURRENT, state: 'disabled' }, { ...OLD, state: 'disabled' });
    assert.deepEqual(
      findings.map(({ outcome, off }) => [outcome, off]),
      [
        ['off', ['new slots', 'downloads of what it wraps']],
        ['off', ['downloads of what it wraps']],
      ],
    );
  });

  for (const [deletionAt, when] of [
    [NOW + 7.9 * DAY_MS, / will be deleted in 7 days$/],
    [NOW + 60_000, / will be deleted in 60 s$/],
    [NOW - 1, / will be deleted at any moment$/],
    [undefined, / will be deleted$/],
  ] as const) {
    it(`calls a KEK unsafe that${String(when).slice(1, -2)}`, async () => {
      const pending = { ...OLD, state: 'pending_deletion' } as const;
      const { last } = await conditions(deletionAt === undefined ? pending : { ...pending, deletionAt });
      assert.equal(last.outcome, 'unsafe');
      assert.match(last.found, when);
      assert.match(last.remedy ?? '', /cancel its deletion at once/);
    });
  }
});

const NONE: KekUse = { wrapperId: 'local', kekId: 'kek-1', objectKeys: 0, intermediateKeys: 0, copies: 0 };
const WRAPPERS = {
  kms: { kind: 'aws-kms' },
  local: { kind: 'local' },
  vault: { kind: 'vault-transit' },
} as unknown as CustodyConfig['wrappers'];

const needed = (usage: readonly KekUse[], held: readonly KekCondition[] = [CURRENT, OLD]) =>
  said(examineNeeded(held, usage, WRAPPERS));

describe('doctor, the KEKs that keys in the store need', () => {
  it('finds right what is held, and does not ask for intermediate keys', async () => {
    const { lines } = await needed([
      { ...NONE, objectKeys: 3 },
      { ...NONE, wrapperId: INTERMEDIATE, kekId: 'some-id', objectKeys: 9 },
    ]);
    assert.deepEqual(lines, ['custody.needed ok']);
    assert.deepEqual((await needed([])).lines, ['custody.needed ok']);
  });

  it('names a wrapper that was taken out too early, and the downloads that are off', async () => {
    const gone = { wrapperId: 'old', kekId: 'kek-0', objectKeys: 12, intermediateKeys: 2, copies: 14 };
    const { lines, last } = await needed([gone, { ...NONE, objectKeys: 1 }]);
    assert.deepEqual(lines, ['custody.needed off']);
    assert.match(
      last.found,
      /^12 keys of objects, 2 intermediate keys, 14 recovery copies under kek-0 of "old", a wrapper that is not configured$/,
    );
    assert.match(last.remedy ?? '', /bring "old" back into custody\.wrappers under this very name/);
    assert.deepEqual(last.off, [
      'downloads of 12 objects',
      'downloads of all that is under 2 intermediate keys',
      'sealslot recover, from 14 copies',
    ]);
  });

  it('names a KEK that its wrapper no longer holds', async () => {
    const local = await needed([{ ...NONE, kekId: 'kek-0', objectKeys: 1 }]);
    assert.deepEqual(local.lines, ['custody.needed off']);
    assert.match(local.last.remedy ?? '', /KEK file, from a backup/);
    const vault = await needed([{ ...NONE, wrapperId: 'vault', kekId: 'transit/old', copies: 1 }]);
    assert.match(vault.last.remedy ?? '', /namespace, mount and key back/);
    assert.deepEqual(vault.last.off, ['sealslot recover, from 1 copies']);
  });

  it('only notes the former key of an alias, which KMS may still open', async () => {
    const { last } = await needed([{ ...NONE, wrapperId: 'kms', kekId: 'arn:former', objectKeys: 1 }]);
    assert.equal(last.outcome, 'note');
    assert.match(last.remedy ?? '', /sealslot rewrap/);
  });

  it('does not take the same id under another wrapper for the same KEK', async () => {
    const { last } = await needed([{ ...NONE, wrapperId: 'vault', objectKeys: 1 }]);
    assert.equal(last.outcome, 'off');
  });
});
