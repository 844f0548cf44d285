import type { Clock } from '../../clock.ts';
import { KeyRefused } from '../../custody/errors.ts';
import type { KeyWrapper } from '../../custody/port.ts';
import { OtherKey, proveRoundTrip, unboundFields } from '../../custody/proof.ts';
import { DependencyUnavailable, SealslotError } from '../../errors.ts';
import { about, type CheckText, type Examination, type Finding } from '../finding.ts';

export const CUSTODY_CHECKS = {
  'custody.roundtrip': {
    title: 'wrap and unwrap',
    means: 'A customer key that was wrapped opens again as the same key. Else every object would be lost.',
  },
  'custody.context': {
    title: 'context',
    means:
      'A wrapped key opens only for its own tenant, bucket, object key and slot. Else whoever can write to the store could open any key with a row of their own.',
  },
  'custody.condition': {
    title: 'KEK condition',
    means:
      'What the keeper says of each KEK. When one is deleted, every key under it is lost for good, and its object with it.',
  },
} as const satisfies Record<string, CheckText>;

const DAY_MS = 86_400_000;
const OFF = ['new slots', 'downloads', 'whatever else needs a key'];

const say = about('custody');

/** Wraps and unwraps a fresh key that belongs to no object; nothing is stored. */
export async function* examineCustody(wrapper: KeyWrapper): Examination {
  try {
    await proveRoundTrip(wrapper);
  } catch (error) {
    yield failure('custody.roundtrip', error);
    return false;
  }
  yield say.ok('custody.roundtrip', 'a fresh key was wrapped, and unwrapped as the same key');

  try {
    const unbound = await unboundFields(wrapper);
    if (unbound.length > 0) {
      yield say.unsafe(
        'custody.context',
        `the wrapper does not enforce the context: a key opened although another ${unbound.join(', ')} was given`,
        'use a KEK that binds its context (a transit key must be "derived")',
      );
      return false;
    }
  } catch (error) {
    yield failure('custody.context', error);
    return false;
  }
  yield say.ok('custody.context', 'a key was refused in every place but its own');
  return true;
}

/** Also of the wrappers that only unwrap: keys may still be under them. */
export async function* examineConditions(keks: KeyWrapper, now: Clock): AsyncGenerator<Finding> {
  for (const { wrapperId, kekId, state, deletionAt, detail } of await keks.keks()) {
    const kek = `${kekId} of "${wrapperId}"`;
    if (state === 'usable') yield say.ok('custody.condition', `${kek} is usable`);
    else if (state === 'unknown') {
      yield say.note('custody.condition', `${kek}: its keeper does not tell${detail ? ` (${detail})` : ''}`);
    } else if (state === 'disabled') {
      yield say.off('custody.condition', `${kek} is disabled`, 'enable it, or rewrap what needs it', OFF);
    } else {
      const days = deletionAt === undefined ? '' : ` in ${Math.ceil((deletionAt - now()) / DAY_MS)} days`;
      const remedy =
        'cancel its deletion at once; if it shall go, move all keys first: sealslot rewrap, then sealslot kek status';
      yield say.unsafe('custody.condition', `${kek} will be deleted${days}`, remedy);
    }
  }
}

function failure(check: keyof typeof CUSTODY_CHECKS, error: unknown): Finding {
  if (error instanceof OtherKey) {
    return say.unsafe(
      check,
      'a key came back as another key',
      'do not serve with this KEK; look for a proxy or a replica that answers in its place',
    );
  }
  if (error instanceof DependencyUnavailable) {
    return say.off(check, 'the KEK does not answer', 'see that it runs and is reached, then try again', OFF);
  }
  if (error instanceof KeyRefused) {
    return say.off(check, 'the KEK refuses', 'grant this service both encrypt and decrypt with the KEK', OFF);
  }
  const code = error instanceof SealslotError ? error.code : 'an error that no wrapper should throw';
  return say.off(
    check,
    `the wrapper fails with ${code}`,
    'see the custody section of the configuration',
    OFF,
  );
}
