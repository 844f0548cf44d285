import type { CustodyConfig } from '../../config/config.ts';
import { KeyRefused } from '../../custody/errors.ts';
import type { KeyWrapper, WrappedKey } from '../../custody/port.ts';
import { OtherKey, unboundFields, wrapProven } from '../../custody/proof.ts';
import { copyProblem } from '../../custody/recovery-copy.ts';
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
  'custody.copies': {
    title: 'recovery copies',
    means:
      'With `custody.recovery` each upload carries a copy of its wrapped key in tags, with the name of its KEK. `serve` refuses a KEK that tags cannot name.',
  },
} as const satisfies Record<string, CheckText>;

const OFF = ['new slots', 'downloads', 'whatever else needs a key'];

const say = about('custody');

type Copying = Pick<CustodyConfig, 'hierarchy' | 'recovery'>;

/** Wraps and unwraps a fresh key that belongs to no object; nothing is stored. */
export async function* examineCustody(wrapper: KeyWrapper, copying: Copying): Examination {
  let wrapped: WrappedKey;
  try {
    wrapped = await wrapProven(wrapper);
  } catch (error) {
    yield failure('custody.roundtrip', error);
    yield* examineName(wrapper, copying);
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
  yield* copies(wrapped, copying);
  return true;
}

/** Of a KEK that does not answer only the name is known, and that can be enough. */
async function* examineName(wrapper: KeyWrapper, copying: Copying): AsyncGenerator<Finding> {
  const [current] = await wrapper.keks();
  if (current === undefined) return;
  const { wrapperId, kekId } = current;
  for (const finding of copies({ wrapperId, kekId, bytes: new Uint8Array() }, copying))
    if (finding.outcome !== 'ok') yield finding;
}

/** Under a hierarchy, tags name an intermediate key, whose id always fits. */
function* copies(wrapped: WrappedKey, { hierarchy, recovery }: Copying): Generator<Finding> {
  if (recovery === undefined || hierarchy !== undefined) return;
  const problem = copyProblem(wrapped);
  yield problem === undefined
    ? say.ok('custody.copies', 'object tags can hold what the KEK wraps, and its name')
    : say.off(
        'custody.copies',
        problem.replace(/\.$/, ''),
        'give it a name that fits, set custody.hierarchy, or take custody.recovery out of the configuration',
        ['the whole service: it does not start'],
      );
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
