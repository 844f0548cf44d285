import type { Clock } from '../../clock.ts';
import type { CustodyConfig } from '../../config/config.ts';
import { INTERMEDIATE } from '../../custody/intermediate.ts';
import type { KekCondition } from '../../custody/port.ts';
import type { KekUse } from '../../store/port.ts';
import { about, type CheckText, type Finding } from '../finding.ts';
import { span } from '../words.ts';

export const KEKS_CHECKS = {
  'custody.condition': {
    title: 'KEK condition',
    means:
      'What the keeper says of each KEK. When one is deleted, every key under it is lost for good, and its object with it.',
  },
  'custody.needed': {
    title: 'KEKs needed',
    means:
      'Keys in the store open only with the KEK and the wrapper that they were wrapped by: neither may go before `sealslot kek status` says that nothing needs it.',
  },
} as const satisfies Record<string, CheckText>;

const say = about('custody');

/** Also of the wrappers that only unwrap: keys may still be under them. */
export function* examineConditions(conditions: readonly KekCondition[], now: Clock): Generator<Finding> {
  const check = 'custody.condition';
  for (const [index, { wrapperId, kekId, state, deletionAt, detail }] of conditions.entries()) {
    const kek = `${kekId} of "${wrapperId}"`;
    if (state === 'usable') yield say.ok(check, `${kek} is usable`);
    else if (state === 'unknown') {
      yield say.note(check, `${kek}: its keeper does not tell${detail ? ` (${detail})` : ''}`);
    } else if (state === 'disabled') {
      const off = [...(index === 0 ? ['new slots'] : []), 'downloads of what it wraps'];
      yield say.off(check, `${kek} is disabled`, 'enable it: to be moved, keys have to open', off);
    } else {
      const remedy =
        'cancel its deletion at once; if it shall go, move all keys first: sealslot rewrap, then sealslot kek status';
      yield say.unsafe(check, `${kek} will be deleted${untilDeletion(deletionAt, now())}`, remedy);
    }
  }
}

function untilDeletion(deletionAt: number | undefined, now: number): string {
  if (deletionAt === undefined) return '';
  return deletionAt > now ? ` in ${span(deletionAt - now)}` : ' at any moment';
}

/**
 * What is wrapped by a KEK that no configured wrapper holds. Silent of intermediate keys: they are in the store.
 * @param conditions of `KeyWrapper.keks`.
 */
export function* examineNeeded(
  conditions: readonly KekCondition[],
  usage: readonly KekUse[],
  wrappers: CustodyConfig['wrappers'],
): Generator<Finding> {
  const missing = usage.filter(
    (use) =>
      use.wrapperId !== INTERMEDIATE &&
      !conditions.some(({ wrapperId, kekId }) => wrapperId === use.wrapperId && kekId === use.kekId),
  );
  for (const use of missing) yield notHeld(use, wrappers[use.wrapperId]?.kind);
  if (missing.length === 0)
    yield say.ok('custody.needed', 'every key in the store is under a KEK that is held');
}

function notHeld(use: KekUse, kind: CustodyConfig['wrappers'][string]['kind'] | undefined): Finding {
  const { wrapperId, kekId } = use;
  const needing = `${needs(use)} under ${kekId} of "${wrapperId}"`;
  switch (kind) {
    case undefined:
      return say.off(
        'custody.needed',
        `${needing}, a wrapper that is not configured`,
        `bring "${wrapperId}" back into custody.wrappers under this very name and sealslot rewrap; take it out when sealslot kek status says that nothing needs it`,
        off(use),
      );
    case 'aws-kms':
      return say.note(
        'custody.needed',
        `${needing}, but its keyId names another key now: KMS opens them only while the service may use that one, in the same account and region`,
        'sealslot rewrap moves them',
      );
    case 'local':
    case 'vault-transit':
      return say.off(
        'custody.needed',
        `${needing}, a KEK that this wrapper does not hold`,
        kind === 'local'
          ? 'bring the KEK back into the KEK file, from a backup of that; nothing else opens them'
          : 'set namespace, mount and key back to what they were; for another key take a wrapper with another name',
        off(use),
      );
  }
}

function needs({ objectKeys, intermediateKeys, copies }: KekUse): string {
  return parts([
    [objectKeys, 'keys of objects'],
    [intermediateKeys, 'intermediate keys'],
    [copies, 'recovery copies'],
  ]).join(', ');
}

function off({ objectKeys, intermediateKeys, copies }: KekUse): string[] {
  return parts([
    [objectKeys, 'objects', 'downloads of '],
    [intermediateKeys, 'intermediate keys', 'downloads of all that is under '],
    [copies, 'copies', 'sealslot recover, from '],
  ]);
}

function parts(counts: readonly (readonly [count: number, of: string, before?: string])[]): string[] {
  return counts.filter(([count]) => count > 0).map(([count, of, before = '']) => `${before}${count} ${of}`);
}
