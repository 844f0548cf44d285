import type { Config } from '../config/config.ts';
import type { KeyWrapper } from '../custody/port.ts';
import type { StoreInspection } from '../store/inspection.ts';
import { about, type CheckText, type Finding } from './finding.ts';
import { examineCustody } from './local/custody.ts';
import { examineFiles } from './local/files.ts';
import { examineConditions, examineNeeded } from './local/keks.ts';
import { examineStore, type InspectStore } from './local/store.ts';
import { bucketsOf, examineTarget, type TargetContext } from './target.ts';

export const EXAMINE_CHECKS = {
  configuration: {
    title: 'configuration',
    means: 'The file and the environment together are a configuration that the service accepts.',
  },
  'custody.opens': {
    title: 'KEK',
    means:
      'What wraps the customer keys can be opened. Without it no slot is made and no object is handed out.',
  },
} as const satisfies Record<string, CheckText>;

export interface ExamineContext extends Omit<TargetContext, 'config'> {
  readonly config: Config;
  readonly configPath: string;
  readonly openKeks: (config: Config) => Promise<KeyWrapper>;
  readonly inspectStore: InspectStore;
}

/** All that a doctor looks at, from the nearest to the farthest. Ends early, without a word, when `signal` is aborted. */
export async function* examine(context: ExamineContext, targets: readonly string[]): AsyncGenerator<Finding> {
  const { config, configPath, signal } = context;
  yield about('configuration').ok('configuration', `${configPath} is valid`);
  yield* examineFiles({ config, configPath });
  const inspection = await context.inspectStore(config.store);
  yield* examineStore(config.store, async () => inspection);
  yield* examineKeks(context, inspection);
  for (const name of targets) {
    if (signal.aborted) return;
    yield* examineTarget(context, name, bucketsOf(config, name));
  }
}

async function* examineKeks(
  { config, openKeks, now }: ExamineContext,
  { state, usage }: StoreInspection,
): AsyncGenerator<Finding> {
  let keks: KeyWrapper;
  try {
    keks = await openKeks(config);
  } catch (error) {
    const found = error instanceof Error ? error.message.replace(/\.$/, '') : 'it cannot be opened';
    const remedy =
      'do not make a new KEK in place of one that is in use: bring that back, or the right to use it';
    yield about('custody').off('custody.opens', found, remedy, ['everything that needs a key']);
    return;
  }
  const { current, wrappers } = config.custody;
  const kind = wrappers[current]?.kind ?? 'unknown';
  const say = about('custody');
  yield say.ok('custody.opens', `new keys are wrapped by "${current}" (${kind})`);
  try {
    yield* examineCustody(keks, config.custody);
    const conditions = await keks.keks();
    yield* examineConditions(conditions, now);
    if (usage !== undefined) yield* examineNeeded(conditions, usage, wrappers);
    else if (state.kind !== 'absent')
      yield say.note(
        'custody.needed',
        'not examined: only a store of this very version says what needs them',
      );
  } finally {
    keks.close();
  }
}
